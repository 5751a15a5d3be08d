import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { AppError } from '../../../errors/app-error.ts';
import { silentLog } from '../../../log/log.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import { endedAmong, ownAmong } from './own-processes.ts';
import { Presence } from './presence.ts';
import { SessionFolder } from './session-folder.ts';
import type { StartingTerminal } from './starting-terminals.ts';

const open = (agentSessionId: string, patch: Partial<OpenSession> = {}): OpenSession => ({
  ...{ agent: 'claude', agentSessionId, pid: 100, status: 'idle', since: 1 },
  ...patch,
});
const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'AGENT_UNAVAILABLE';

interface World {
  signs: string;
  listed: OpenSession[];
  starting: StartingTerminal[];
  own: number[];
  looks: number;
  fails: boolean;
}

/** What the agent would say, and how often it was asked. */
function stage() {
  const world: World = { signs: 'first', listed: [], starting: [], own: [], looks: 0, fails: false };
  const changes: string[][] = [];
  const presence = new Presence({
    log: silentLog,
    async list() {
      world.looks += 1;
      const listed = world.listed;
      if (world.fails) throw new Error('it does not know the command');
      return listed;
    },
    signs: () => world.signs,
    starting: async () => world.starting,
    ownPids: () => world.own,
    ownAmong: async (pids, roots) => new Set(pids.filter(pid => roots.includes(pid))),
    changed: now => changes.push(now.map(({ agentSessionId }) => agentSessionId)),
  });
  return { world, presence, changes };
}

describe('presence', () => {
  it('is told of first, also when nothing is open, and then when it changes', async () => {
    const { world, presence, changes } = stage();
    await eventually(() => changes.length === 1);
    world.listed = [open('a')];
    await presence.check('a');
    await presence.check('a');
    world.listed = [open('a', { status: 'busy' })];
    assert.equal((await presence.check('a'))?.status, 'busy');
    assert.deepEqual(changes, [[], ['a'], ['a']]);
    await presence.close();
  });

  it('leaves out what is driven here', async () => {
    const { world, presence } = stage();
    world.listed = [open('mine', { pid: 7 }), open('theirs', { pid: 8 })];
    world.own = [7];
    assert.equal(await presence.check('mine'), undefined);
    assert.equal((await presence.check('theirs'))?.pid, 8);
    await presence.close();
  });

  it('asks the agent only when something may have changed, or when it is to', async () => {
    const { world, presence } = stage();
    await presence.find('a');
    const { looks } = world;
    await presence.find('a');
    assert.equal(world.looks, looks);
    world.listed = [open('a')];
    world.signs = 'second';
    assert.equal((await presence.find('a'))?.agentSessionId, 'a');
    const before = world.looks;
    await presence.check('a');
    assert.equal(world.looks, before + 1);
    await presence.close();
  });

  it('sees by itself what signs tell', async () => {
    const { world, presence } = stage();
    await presence.check('a');
    world.listed = [open('a')];
    world.signs = 'second';
    await eventually(() => presence.isOpen('a'));
    world.listed = [];
    world.signs = 'third';
    await eventually(() => !presence.isOpen('a'));
    await presence.close();
  });

  it('looks within a second of a sign, so that what is answered in a terminal is known within 3 s', async context => {
    // Time goes on as far as the test says, and no further.
    context.mock.timers.enable({ apis: ['setInterval'] });
    const { world, presence } = stage();
    world.listed = [open('a', { status: 'waiting' })];
    await presence.check('a');
    world.listed = [open('a', { status: 'busy' })];
    world.signs = 'second';
    context.mock.timers.tick(1_000);
    await eventually(() => presence.open[0]?.status === 'busy');
    await presence.close();
  });

  it('has a session open from the moment on that a terminal is being opened with it', async () => {
    const { world, presence } = stage();
    assert.equal(await presence.find('a'), undefined);
    world.starting = [{ pid: 7, since: 5, opens: 'a' }];
    for (const ask of [presence.find('a'), presence.check('a')]) assert.equal((await ask)?.pid, 7);
    assert.equal(await presence.find('b'), undefined, 'it opens another');
    await presence.close();
  });

  it('waits for a terminal that is being opened to say what it has open', async () => {
    const { world, presence } = stage();
    assert.equal(await presence.find('a'), undefined);
    world.starting = [{ pid: 7, since: 5 }];
    const found = presence.find('a');
    world.listed = [open('a', { pid: 7 })];
    world.signs = 'second';
    world.starting = [];
    assert.equal((await found)?.pid, 7);
    await presence.close();
  });

  it('does not say that nobody has a session when it cannot tell', async () => {
    const { world, presence } = stage();
    world.listed = [open('a')];
    await presence.check('a');
    world.fails = true;
    await assert.rejects(presence.check('b'), isUnavailable);
    await assert.rejects(presence.find('b'), isUnavailable);
    assert.equal((await presence.seen('a'))?.agentSessionId, 'a');
    world.fails = false;
    assert.equal(await presence.find('b'), undefined);
    await presence.close();
  });
});

describe('what tells that presence may have changed', () => {
  it('is the names and times of the agent’s files, without those of our own processes', async () => {
    const config = await mkdtemp(join(tmpdir(), 'boxswain-signs-'));
    const folder = new SessionFolder(config);
    try {
      assert.equal(folder.signs([]), '');
      await mkdir(join(config, 'sessions'));
      await writeFile(join(config, 'sessions/12.json'), 'x');
      const one = folder.signs([]);
      assert.match(one, /^12\.json /);
      assert.equal(folder.signs([]), one);
      await utimes(join(config, 'sessions/12.json'), 1, 1);
      assert.notEqual(folder.signs([]), one);
      assert.equal(folder.signs([12]), '');
      assert.notEqual(folder.signs([1]), '');
    } finally {
      await rm(config, { recursive: true });
    }
  });

  it('names a file that came in the same tick of the clock as the one before it, and one that came long after', async () => {
    const config = await mkdtemp(join(tmpdir(), 'boxswain-signs-'));
    const path = join(config, 'sessions');
    const folder = new SessionFolder(config);
    const add = async (name: string, at: number) => {
      await writeFile(join(path, name), 'x');
      await utimes(path, at, at);
      return folder.signs([]).split('\n').length;
    };
    try {
      await mkdir(path);
      const now = Date.now() / 1000;
      assert.equal(await add('1.json', now), 1);
      assert.equal(await add('2.json', now), 2);
      await utimes(path, now - 60, now - 60);
      assert.equal(folder.signs([]).split('\n').length, 2);
      assert.equal(await add('3.json', now), 3);
    } finally {
      await rm(config, { recursive: true });
    }
  });

  it('does not take a process for a stranger that one of ours has started', async () => {
    assert.deepEqual([...(await ownAmong([process.pid, 1], [process.ppid]))], [process.pid]);
    assert.deepEqual([...(await ownAmong([process.pid], [process.pid]))], [process.pid]);
    assert.deepEqual([...(await ownAmong([process.ppid], [process.pid]))], []);
  });

  it('does not take a process for one that runs when it has ended and nobody has taken notice', async () => {
    // What takes the place of the shell knows nothing of its child.
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000']);
    try {
      const [said]: unknown[] = await once(parent.stdout, 'data');
      const pid = Number(String(said));
      await eventually(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')).trim() === 'sleep');
      process.kill(pid, 'SIGKILL');
      await eventually(async () => (await endedAmong([pid])).has(pid));
      assert.deepEqual([...(await endedAmong([process.pid, pid, parent.pid ?? 0]))], [pid]);
    } finally {
      parent.kill();
    }
  });
});
