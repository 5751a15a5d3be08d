import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestServer } from '../mcp/stand-in.ts';

const launcher = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url),
);

/** What the inspector printed. It writes a catalogue below HOME, so it gets one of its own. */
async function inspect(url: string, args: readonly string[]): Promise<{ result: Record<string, unknown> }> {
  const home = await mkdtemp(join(tmpdir(), 'boxswain-inspector-'));
  try {
    const command = [launcher, '--cli', `${url}/mcp`, '--transport', 'http', '--format', 'json', ...args];
    const env = { PATH: process.env.PATH, HOME: home };
    const child = spawn(process.execPath, command, { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    assert.equal(await exited, 0, out + err);
    return JSON.parse(out);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

for (const era of ['legacy', 'modern']) {
  describe(`the MCP inspector (${era})`, () => {
    test('finds every schema portable', async () => {
      await using server = await startTestServer();
      const { result } = await inspect(server.url, ['--protocol-era', era, '--method', 'tools/list', '--strict']);
      assert.ok(Array.isArray(result.tools) && result.tools.length > 20);
    });

    test('calls a tool', async () => {
      await using server = await startTestServer();
      const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-args-json', '{"message":"x"}'];
      const { result } = await inspect(server.url, ['--protocol-era', era, ...call]);
      assert.deepEqual(result.structuredContent, { message: 'x' });
    });
  });
}
