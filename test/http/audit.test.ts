import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { operate } from '../support/operations-api.ts';
import { runCli, scratchDirectory, startServer } from '../support/server.ts';

const pageSchema = z.looseObject({
  records: z.array(z.looseObject({ seq: z.int(), operation: z.string(), outcome: z.string(), hash: z.string() })),
  next_cursor: z.string().nullable(),
});

describe('audit records', () => {
  test('are found by handle, exported whole, and verified, over HTTP and on the command line', async () => {
    const scratch = await scratchDirectory();
    const server = await startServer({ directory: scratch.path });
    const cli = async (...words: string[]) => {
      const { code, stdout, stderr } = await runCli([...words, '--directory', scratch.path]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    try {
      const { workspace_id } = await operate(server.url, 'workspace_create', { name: 'seen' });
      await operate(server.url, 'workspace_get', { workspace_id });
      await operate(server.url, 'workspace_get', { workspace_id: 'ws_unknown' });
      const listed = pageSchema.parse(await operate(server.url, 'audit_list', { handle: workspace_id }));
      assert.deepEqual(
        listed.records.map(({ operation, outcome }) => [operation, outcome]),
        [
          ['workspace_get', 'ok'],
          ['workspace_create', 'ok'],
        ],
      );
      const refused = pageSchema.parse(
        JSON.parse(await cli('audit', 'list', '--outcome', 'WORKSPACE_NOT_FOUND', '--json')),
      );
      assert.deepEqual(
        refused.records.map(({ operation }) => operation),
        ['workspace_get'],
      );
      const exported = (await cli('audit', 'export', '--limit', '2'))
        .trimEnd()
        .split('\n')
        .map(line => Object(JSON.parse(line)).seq);
      assert.ok(exported.length > 4, 'more than one page');
      assert.deepEqual(
        exported,
        exported.map((_, i) => i + 1),
        'no record is left out',
      );
      assert.match(await cli('audit', 'verify'), /^whole: \d+ records/);
      const wrong = await runCli(['audit', 'list', '--since', 'yesterday', '--directory', scratch.path]);
      assert.equal(wrong.code, 2, wrong.stderr);
    } finally {
      await server.stop();
      await scratch.remove();
    }
  });
});
