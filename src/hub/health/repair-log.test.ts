import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../log/log.ts';
import { RepairLog } from './repair-log.ts';

test('notable lines are kept, the newest first, and without what belongs to a caller', () => {
  const repairs = new RepairLog();
  const log = repairs.beside(silentLog);
  log.debug({}, 'not notable');
  log.info({ blobs: 3 }, 'unreferenced blobs removed');
  const error = new Error('in /home/someone');
  log.child({ part: 'x' }).warn({ worker: 'wk_1', session: 'private', err: error }, 'worker lost');
  assert.deepEqual(
    repairs.entries.map(({ action, details }) => [action, details]),
    [
      ['worker lost', 'worker wk_1'],
      ['unreferenced blobs removed', 'blobs 3'],
    ],
  );
});

test('only a hundred are kept', () => {
  const repairs = new RepairLog();
  for (let at = 0; at < 130; at += 1) repairs.note(`action ${at}`, {});
  assert.equal(repairs.entries.length, 100);
  assert.equal(repairs.entries[0]?.action, 'action 129');
});
