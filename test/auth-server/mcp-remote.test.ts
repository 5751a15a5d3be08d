import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { cleanEnvironment, scratchDirectory } from '../support/server.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';

const LIMIT = { timeout: 120_000 };
const bridge = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url));

let stage: Stage;
let browser: TestBrowser;
beforeFirst(async () => {
  [stage, browser] = await Promise.all([startStage(), startBrowser()]);
});
afterLast(async () => {
  await browser[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});

test('mcp-remote registers, has its user sign in here, and calls until the user is locked', async () => {
  const folder = await scratchDirectory();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bridge, `${stage.url}/mcp`, '--allow-http', '--transport', 'http-only'],
    // Whatever it takes for the user's browser opens nothing: the test has one of its own.
    env: cleanEnvironment({
      HOME: folder.path,
      MCP_REMOTE_CONFIG_DIR: folder.path,
      BROWSER: 'true',
      PATH: '/nonexistent',
    }),
    stderr: 'pipe',
  });
  const said = new PassThrough();
  transport.stderr?.on('data', chunk => said.write(chunk));
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
  try {
    const addresses = addressesIn(said);
    await Promise.all([client.connect(transport, LIMIT), addresses.next().then(({ value }) => signIn(value))]);
    const create = { name: 'workspace_create', arguments: {} };
    assert.equal((await client.callTool(create, LIMIT)).isError ?? false, false);
    await stage.users.lock('ada');
    stage.aheadMs = 31_000;
    const list = { name: 'workspace_list', arguments: {} };
    const refused = client.callTool(list, LIMIT).catch((error: unknown) => error);
    // Nothing is good any more, so its user is sent to sign in once more.
    assert.match(String((await addresses.next()).value), /\/oauth\/authorize/);
    await client.close();
    assert.ok((await refused) instanceof Error);
  } finally {
    await client.close();
    await folder.remove();
  }
});

/** Where the bridge sends its user, one after another. */
async function* addressesIn(said: PassThrough): AsyncGenerator<string, undefined> {
  for await (const line of createInterface({ input: said })) {
    const [address] = /http:\/\/127\.0\.0\.1:\d+\/oauth\/authorize\?\S+/.exec(line) ?? [];
    if (address !== undefined) yield address;
  }
  return undefined;
}

async function signIn(address: string | undefined): Promise<void> {
  if (address === undefined) throw new Error('the bridge sent its user nowhere');
  const { page } = await browser.page();
  await page.goto(address);
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.waitForURL(url => url.origin !== stage.url);
}
