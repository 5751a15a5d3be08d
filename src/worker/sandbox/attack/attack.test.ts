import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Duplex } from 'node:stream';
import { exec, python, startBoxd } from '../boxd/boxd-for-tests.ts';
import type { Boxd } from '../boxd/boxd.ts';
import type { Box } from '../engine.ts';
import { type Attack, inBox, judgeLines, type Ran, type Stage } from './attack.ts';
import { fileAttacks } from './files.ts';
import { networkAttacks } from './network.ts';
import { allAttacks, judge } from './run-attacks.ts';
import { systemCallAttacks } from './system-calls.ts';
import { tamperingAttacks } from './tampering.ts';

const limits = { memory_mb: 64, cpus: 1, pids: 16, disk_mb: 16, wall_seconds: 10, output_mb: 1 };
const lure = { port: 1, friendPort: 2, abstractName: 'x', arrived: () => 0, close: async () => {} };

describe('the judgement of attacks', () => {
  let outside: string;
  before(async () => {
    outside = join(await mkdtemp(join(tmpdir(), 'boxswain-judge-')), 'outside');
    await mkdir(outside);
  });
  after(() => rm(join(outside, '..'), { recursive: true, force: true }));
  const stage = (parts: Partial<Stage> = {}): Stage => ({ ...deadStage(), outside, ...parts });

  test('lines are held only when every one of them is a refusal, and all are there', () => {
    const refusals = ['EPERM'];
    const of = (stdout: string) => judgeLines({ stdout, stderr: '' }, { refusals, least: 2 });
    assert.equal(of('a\tEPERM\nb\tEPERM\n').held, true);
    assert.equal(of('a\tEPERM\nb\tgot 3\n').held, false);
    assert.match(of('a\tEPERM\nb\tgot 3\n').detail, /^b: got 3$/);
    assert.equal(of('a\tEPERM\nb\tEINVAL\n').held, false);
    assert.match(of('a\tEPERM\n').detail, /only 1 of 2/);
    assert.equal(of('').held, false);
  });

  test('an attack that could not be made is not held', async () => {
    const held: string[] = [];
    for (const attack of allAttacks(lure)) if ((await judge(attack, stage(), 5_000)).held) held.push(attack.name);
    assert.deepEqual(held, []);
  });

  test('an attack is not held where everything it tries works', async () => {
    const worked = Array.from({ length: 300 }, (_, at) => `thing ${at}\tgot 0`).join('\n');
    const open = stage({
      python: async () => ({ ...nothing, stdout: worked }),
      exec: async () => ({ ...nothing, stdout: worked }),
    });
    const held: string[] = [];
    for (const attack of allAttacks(lure)) if ((await judge(attack, open, 5_000)).held) held.push(attack.name);
    assert.deepEqual(held, []);
  });

  test('an attack that never ends is not held', async () => {
    const { held, detail } = await judge(
      named(systemCallAttacks, 'clone3'),
      stage({ python: () => new Promise(() => {}) }),
      20,
    );
    assert.equal(held, false);
    assert.match(detail, /nothing happened for 0.02 s/);
  });

  test('a connection that arrives on the host is a breach, whatever the box says', async () => {
    let arrivals = 0;
    const [direct] = networkAttacks({ ...lure, arrived: () => arrivals });
    assert.ok(direct);
    const refused = Array.from({ length: 100 }, (_, at) => `${at}\tENETUNREACH`).join('\n');
    const saying = (arriving: number) =>
      stage({
        python: async () => {
          arrivals += arriving;
          return { ...nothing, stdout: refused };
        },
      });
    assert.equal((await judge(direct, saying(0))).held, true);
    const { held, detail } = await judge(direct, saying(1));
    assert.equal(held, false);
    assert.match(detail, /1 connections arrived/);
  });

  test('bytes of a link that leads out are a breach', async () => {
    const slice = { path: 'x', bytes: Buffer.from('root:x:0:0'), sizeBytes: 10, sha256: '', modifiedAtMs: 0 };
    const leaky = stage({ live: live({ read: async () => slice }) });
    const { held, detail } = await judge(named(fileAttacks, 'links to files of the host'), leaky);
    assert.equal(held, false);
    assert.match(detail, /link0/);
  });

  test('a dead boxd whose call is answered, or whose box gives no reason, is a breach', async () => {
    const attack = named(tamperingAttacks, 'kill boxd');
    assert.match((await judge(attack, stage({ python: async () => nothing }))).detail, /as if it had succeeded/);
    const refusing = { python: () => Promise.reject(new Error('gone')) };
    assert.equal((await judge(attack, stage(refusing))).held, false);
    const exited = Promise.resolve({ kind: 'killed', detail: 'boxd' } as const);
    assert.equal((await judge(attack, stage({ ...refusing, live: live({}, { exited }) }))).held, true);
  });

  test('harmless attacks on a boxd without a box get through, so they are real', async () => {
    await using started = await startBoxd();
    const open = stage({
      python: async code => withSize(await python(started.boxd, code)),
      exec: async argv => withSize(await exec(started.boxd, [...argv])),
    });
    for (const name of ['socket families', 'system calls: x32 numbers']) {
      const { held, detail } = await judge(named(systemCallAttacks, name), open);
      if (name === 'socket families') assert.match(detail, /socket 16 3: got/);
      assert.equal(held, name !== 'socket families', detail);
    }
    const plain = inBox({ name: 'x', tries: 'x', code: 'tried("x", lambda: 1)', refusals: ['EPERM'], least: 1 });
    assert.deepEqual(await judge(plain, open), { held: false, detail: 'x: got 1' });
  });
});

function named(attacks: readonly Attack[], name: string): Attack {
  const found = attacks.find(attack => attack.name.endsWith(name));
  assert.ok(found, name);
  return found;
}

const nothing: Ran = {
  exitCode: 0,
  signal: null,
  timedOut: false,
  outputExceeded: false,
  diskFull: false,
  mayHaveArtifacts: false,
  durationMs: 0,
  stdout: '',
  stderr: '',
  outputBytes: 0,
};
const withSize = (ran: Omit<Ran, 'outputBytes'>): Ran => ({ ...ran, outputBytes: ran.stdout.length });

/** A box that does nothing, whatever it is asked. */
function deadStage(): Stage {
  const only = live();
  const hard = {
    memory_mb: 'hard',
    cpus: 'hard',
    pids: 'hard',
    disk_mb: 'hard',
    wall_seconds: 'hard',
    output_mb: 'hard',
  } as const;
  return {
    report: { name: 'none', works: true, versions: {}, stale: [], isolation: 'none', limits: hard },
    limits,
    outside: '',
    isImage: true,
    live: only,
    restart: async () => only,
    python: async () => nothing,
    exec: async () => nothing,
  };
}

function live(can: Partial<Boxd> = {}, has: Partial<Box> = {}): Stage['live'] {
  const never = () => Promise.reject(new Error('there is no boxd'));
  const boxd: Boxd = {
    ...{
      exec: never,
      python: never,
      cell: never,
      contexts: never,
      read: never,
      list: never,
      write: never,
      edit: never,
    },
    ...{ open: never, scan: never, manifest: never, pack: never, restore: never, diskUsage: never },
    talk: () => assert.fail('there is no boxd'),
    closed: Promise.resolve(),
    ...can,
  };
  const box: Box = {
    id: 'box_none',
    channel: Duplex.from([]),
    exited: Promise.resolve({ kind: 'stopped', detail: '' }),
    stats: never,
    freeze: never,
    destroy: async () => {},
    ...has,
  };
  return { box, boxd, storage: { directory: '/nowhere', uid: 1, gid: 1, diskMb: 1 } };
}
