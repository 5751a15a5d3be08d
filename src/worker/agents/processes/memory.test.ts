import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { memoryOf } from './memory.ts';

const HELD = 64 * 1024 * 1024;

test('the memory of an agent is that of all it has started', {
  skip: !existsSync('/proc/self/smaps_rollup'),
}, async () => {
  const holds = `const held = Buffer.alloc(${HELD}, 1); console.log('held'); setInterval(() => held.at(0), 1000)`;
  const child = spawn('sh', ['-c', `${process.execPath} -e "${holds}" & wait`], { detached: true });
  await once(child.stdout, 'data');
  const pid = child.pid ?? assert.fail('it did not start');
  try {
    assert.ok((await memoryOf([pid])) > HELD);
    assert.equal(await memoryOf([]), 0);
  } finally {
    process.kill(-pid, 'SIGKILL');
    await once(child, 'close');
  }
  assert.equal(await memoryOf([pid]), 0);
});
