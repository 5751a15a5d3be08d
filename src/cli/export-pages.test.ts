import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditExport } from '../operations/audit/audit.ts';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import type { OperationClient } from './client.ts';
import { exportPages } from './export-pages.ts';

function clientOf(pages: readonly Record<string, unknown>[]) {
  const asked: Record<string, unknown>[] = [];
  const client: OperationClient = {
    call: async (_operation, args) => ({ output: pages[asked.push(args) - 1] ?? {}, text: [] }),
    upload: async () => assert.fail('nothing is uploaded'),
    close: async () => {},
  };
  const terminal = new RecordingTerminal();
  const call = { signal: new AbortController().signal, report: () => {} };
  const run = () => exportPages(client, auditExport, { field: 'records', args: { caller: 'a' }, call, terminal });
  return { asked, terminal, run };
}

test('all pages are printed, a line of JSON for each record', async () => {
  const { asked, terminal, run } = clientOf([
    { records: [{ seq: 1 }, { seq: 2 }], next_cursor: 'c1' },
    { records: [{ seq: 3 }], next_cursor: null },
  ]);
  await run();
  assert.deepEqual(asked, [{ caller: 'a' }, { caller: 'a', cursor: 'c1' }]);
  assert.equal(terminal.stdout, '{"seq":1}\n{"seq":2}\n{"seq":3}\n');
});

test('what is no page is an error, not an empty end', async () => {
  const { run } = clientOf([{ records: [{ seq: 1 }] }]);
  await assert.rejects(run(), { code: 'INTERNAL_ERROR' });
});
