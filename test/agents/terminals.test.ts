import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClaudeTerminals } from '../support/claude-terminals.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { PATIENCE_MS, sessionClient } from '../support/session-client.ts';

describe('sessions that are open in a terminal, with the real Claude Code', () => {
  let claude: ClaudeTerminals;
  let server: RunningServer;
  const client = sessionClient(() => server.url);
  const start = () => startServer({ directory: join(claude.root, 'data'), env: claude.serverEnvironment });

  before(async () => {
    claude = await ClaudeTerminals.make();
    server = await start();
  });
  after(async () => {
    await server.stop();
    await claude[Symbol.asyncDispose]();
  });

  test('one is seen as mirror', async () => {
    await using window = await claude.open();
    await window.ask('#say hello there');
    await window.shows('hello there');
    await eventually(async () => (await claude.transcripts()).length === 1, PATIENCE_MS);
    const [id = ''] = await claude.transcripts();
    await eventually(async () => (await client.ask('get_session', { session_id: id })).httpStatus === 200);
    await client.until(id, 'mirror');
    await window.quit();
    await client.until(id, 'parked');
  });
});
