import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SeenProcesses } from './seen-processes.ts';

describe('processes that were seen', () => {
  const seen = new SeenProcesses();
  const started: ChildProcess[] = [];
  after(() => {
    seen.close();
    for (const child of started) child.kill('SIGKILL');
  });
  const start = async () => {
    const child = spawn('sleep', ['600']);
    started.push(child);
    await once(child, 'spawn');
    return String(child.pid);
  };
  let now = 1_000;

  it('have the time of the look that found them first, however many are new', async () => {
    assert.equal(seen.look(now).get(String(process.pid)), now);
    for (const count of [1, 3, 40]) {
      const pids: string[] = [];
      for (let at = 0; at < count; at += 1) pids.push(await start());
      now += 1_000;
      for (const pid of pids) assert.equal(seen.look(now).get(pid), now);
    }
    const { pid } = started[0] ?? {};
    assert.ok((seen.look(now + 1).get(String(pid)) ?? now) < now);
    assert.equal(seen.look(now + 1).get(String(process.pid)), 1_000);
  });

  it('are forgotten when they have ended, at the latest after a minute', async () => {
    const pid = await start();
    assert.ok(seen.look(now).has(pid));
    const child = started.at(-1);
    child?.kill('SIGKILL');
    if (child) await once(child, 'exit');
    assert.ok(!seen.look(now + 61_000).has(pid));
  });

  it('are no threads', async () => {
    seen.look(now);
    const threads = () => readdirSync('/proc/self/task').filter(tid => tid !== String(process.pid));
    const before = threads();
    const worker = new Worker('setTimeout(() => {}, 1e8)', { eval: true });
    await once(worker, 'online');
    const begun = threads().filter(tid => !before.includes(tid));
    assert.ok(begun.length > 0);
    const found = seen.look(now);
    assert.deepEqual(
      begun.filter(tid => found.has(tid)),
      [],
    );
    await worker.terminate();
  });
});
