import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { AppError } from '../../../errors/app-error.ts';
import { isProcessThere, processNameOf } from '../../../ids/process-name.ts';
import { silentLog } from '../../../log/log.ts';
import { AgentProcesses } from './agent-processes.ts';
import { ProcessRecords } from './records.ts';
import { membersOf } from './tree.ts';

const root = await mkdtemp(join(tmpdir(), 'boxswain-processes-'));
after(() => rm(root, { recursive: true }));

async function fixture(name: string) {
  const directory = join(root, name);
  return { directory, processes: new AgentProcesses({ directory, log: silentLog }) };
}

const environment = { PATH: '/usr/bin:/bin' };
/** Says the numbers of itself, of a child in its group, and of one that left group, session and parent. */
const family = `sleep 600 & plain=$!; setsid --fork sh -c 'echo far $$; exec sleep 600'; echo near $$ $plain; cat`;

async function startFamily(processes: AgentProcesses) {
  const running = await processes.start({ kind: 'test', command: 'sh', args: ['-c', family], cwd: root, environment });
  let said = '';
  for await (const chunk of running.child.stdout) {
    said += String(chunk);
    if (/far \d/.test(said) && /near \d+ \d+\n/.test(said)) break;
  }
  const pids = [...said.matchAll(/\d+/g)].map(([pid]) => Number(pid));
  assert.equal(pids.length, 3, said);
  return { running, members: await Promise.all(pids.map(processNameOf)) };
}

const areAllGone = async (members: Parameters<typeof isProcessThere>[0][]) =>
  (await Promise.all(members.map(isProcessThere))).every(isThere => !isThere);

test('ending an agent ends all that it started, also what left its group, session and parent', async () => {
  const { processes, directory } = await fixture('tree');
  const { running, members } = await startFamily(processes);
  assert.equal(await areAllGone(members), false);
  await running.end({ graceMs: 0 });
  assert.ok(await areAllGone(members));
  assert.deepEqual(await readdir(directory), []);
  assert.deepEqual(processes.pids(), []);
});

test('an agent that is killed leaves nothing behind', async () => {
  const { processes, directory } = await fixture('killed');
  const { running, members } = await startFamily(processes);
  process.kill(running.pid, 'SIGKILL');
  assert.deepEqual(await running.exited, { code: null, signal: 'SIGKILL' });
  assert.ok(await areAllGone(members));
  assert.deepEqual(await readdir(directory), []);
});

test('what a killed owner left is ended at the next start, its leader dead or alive', async () => {
  const { processes, directory } = await fixture('reap');
  const owner = `
    import { AgentProcesses } from ${JSON.stringify(join(import.meta.dirname, 'agent-processes.ts'))};
    import { silentLog } from ${JSON.stringify(join(import.meta.dirname, '../../../log/log.ts'))};
    const processes = new AgentProcesses({ directory: process.argv[2], log: silentLog });
    const started = await processes.start({ kind: 'test', sessionId: 'one', command: 'sh', args: ['-c', ${JSON.stringify(family.replace('cat', 'sleep 600'))}], cwd: '/', environment: { PATH: '/usr/bin:/bin' } });
    started.child.stdout.pipe(process.stdout);
  `;
  const script = join(root, 'owner.ts');
  await writeFile(script, owner);
  for (const isLeaderAlive of [true, false]) {
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (/far \d/.test(said) && /near \d+ \d+\n/.test(said)) break;
    }
    const members = await Promise.all([...said.matchAll(/\d+/g)].map(([pid]) => processNameOf(Number(pid))));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const leader = Number(/near (\d+)/.exec(said)?.[1]);
    if (!isLeaderAlive) process.kill(leader, 'SIGKILL');
    assert.equal(await areAllGone(members), false);
    assert.deepEqual(await processes.reap(), { reaped: ['one'] });
    assert.ok(await areAllGone(members));
    assert.deepEqual(await readdir(directory), []);
  }
});

test('a number that belongs to somebody else now is left alone', async () => {
  const { processes, directory } = await fixture('foreign');
  const { running: bystander } = await startFamily(processes);
  const records = new ProcessRecords(directory);
  const { record } = records.list()[0] ?? assert.fail('no record');
  const dead = { pid: 2 ** 22 + 1, startTime: '1' };
  assert.ok(record);
  const leader = { pid: bystander.pid, startTime: '1' };
  records.write('recycled', { ...record, mark: 'BOXSWAIN_AGENT_PROCESS=recycled', owner: dead, leader });
  records.write('other-boot', { ...record, owner: dead, boot: 'another' });
  await processes.reap();
  assert.ok(await isProcessThere(await processNameOf(bystander.pid)));
  assert.equal(records.list().length, 1);
  await processes.close();
});

test('a program that is not there is AGENT_UNAVAILABLE and leaves no record', async () => {
  const { processes, directory } = await fixture('absent');
  await assert.rejects(
    processes.start({ kind: 'test', command: '/no/such/program', args: [], cwd: root, environment }),
    (error: unknown) =>
      error instanceof AppError && error.code === 'AGENT_UNAVAILABLE' && !error.message.includes('/no/such'),
  );
  await processes.close();
  assert.deepEqual(await readdir(directory), []);
});

test('a torn record is cleared away, and what it was of is ended unless its owner lives', async () => {
  const { processes, directory } = await fixture('torn');
  await writeFile(join(directory, 'x.json'), '{"mark":');
  assert.deepEqual(await processes.reap(), { reaped: [] });
  assert.deepEqual(await readdir(directory), []);
  const { running } = await startFamily(processes);
  const [name = ''] = await readdir(directory);
  await writeFile(join(directory, name), '');
  assert.deepEqual(await processes.reap(), { reaped: [] });
  assert.ok(await isProcessThere(await processNameOf(running.pid)));
  await processes.close();
  const orphan = 'BOXSWAIN_AGENT_PROCESS=orphan';
  const { stdout } = await promisify(execFile)('sh', ['-c', 'setsid sleep 600 >/dev/null 2>&1 & echo $!'], {
    env: { ...environment, BOXSWAIN_AGENT_PROCESS: 'orphan' },
  });
  await writeFile(join(directory, 'orphan.json'), '{');
  assert.equal((await membersOf({ mark: orphan })).length, 1, stdout);
  assert.deepEqual(await processes.reap(), { reaped: ['unknown'] });
  assert.deepEqual(await membersOf({ mark: orphan }), []);
});

test('an agent that cannot be written down, as on a full disk, is not started', async () => {
  const { processes, directory } = await fixture('full');
  await rm(directory, { recursive: true });
  const program = { command: 'sleep', args: ['621'], environment };
  const unavailable = (error: unknown) =>
    error instanceof AppError && error.code === 'AGENT_UNAVAILABLE' && !error.message.includes(root);
  await assert.rejects(processes.start({ kind: 'test', cwd: root, ...program }), unavailable);
  const launch = await processes.prepare({ kind: 'test', cwd: root });
  assert.throws(() => launch(program), unavailable);
  assert.deepEqual(processes.pids(), []);
});
