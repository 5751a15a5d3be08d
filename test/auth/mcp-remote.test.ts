import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';
import { type Era, MODERN } from '../mcp/clients.ts';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.ts';
import { startBrowser, type TestBrowser, type TestPage } from '../support/browser.ts';
import { cleanEnvironment, scratchDirectory } from '../support/server.ts';

const LATER_MS = 31_000;
const CALL_LIMIT = { timeout: 120_000 };
const bridge = fileURLToPath(new URL('../../node_modules/mcp-remote/dist/proxy.js', import.meta.url));
const tokensSchema = z.looseObject({ access_token: z.string() });

let company: AuthorizationServer;
let server: TestServer;
let browser: TestBrowser;
const clock = { aheadMs: 0 };
beforeFirst(async () => {
  [company, browser] = await Promise.all([startAuthorizationServer(), startBrowser()]);
  server = await startTestServer({
    auth: { required: true, issuers: [company.entry] },
    now: () => Date.now() + clock.aheadMs,
  });
  company.resource = `${server.url}/mcp`;
});
afterLast(async () => {
  await browser[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await company[Symbol.asyncDispose]();
});

/** A client without OAuth of its own, behind the bridge that signs its user in. */
class Bridged {
  readonly client: Client;
  readonly #folder: string;
  readonly #transport: StdioClientTransport;
  readonly #visits: AsyncIterator<string>;

  constructor(folder: string, era: Era) {
    this.#folder = folder;
    this.client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
    this.#transport = new StdioClientTransport({
      command: process.execPath,
      args: [bridge, `${server.url}/mcp`, '--allow-http', '--transport', 'http-only'],
      // Whatever it takes for the user's browser opens nothing: the test has one of its own.
      env: cleanEnvironment({ HOME: folder, MCP_REMOTE_CONFIG_DIR: folder, BROWSER: 'true', PATH: '/nonexistent' }),
      stderr: 'pipe',
    });
    const { stderr } = this.#transport;
    if (!(stderr instanceof Readable)) throw new Error('the bridge says nothing');
    this.#visits = addressesIn(stderr);
  }

  /** The user signs in and agrees, wherever the bridge sends it next. */
  async signIn({ page }: TestPage): Promise<void> {
    const { value } = await this.#visits.next();
    await page.goto(value);
    await page.getByRole('button', { name: 'Sign in as alice' }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL(url => url.origin !== company.url);
  }

  async connect(page: TestPage): Promise<void> {
    await Promise.all([this.client.connect(this.#transport, CALL_LIMIT), this.signIn(page)]);
  }

  /** Its user has signed in before. */
  async connectAgain(): Promise<void> {
    await this.client.connect(this.#transport, CALL_LIMIT);
  }

  async token(): Promise<string> {
    const files = await readdir(this.#folder, { recursive: true });
    const file = files.find(name => name.endsWith('tokens.json'));
    return tokensSchema.parse(JSON.parse(await readFile(join(this.#folder, file ?? ''), 'utf8'))).access_token;
  }

  async clientId(): Promise<string> {
    const files = await readdir(this.#folder, { recursive: true });
    const file = files.find(name => name.endsWith('client_info.json'));
    const parsed = z.looseObject({ client_id: z.string() });
    return parsed.parse(JSON.parse(await readFile(join(this.#folder, file ?? ''), 'utf8'))).client_id;
  }

  async succeeds(name: string): Promise<void> {
    const { isError = false } = await this.client.callTool({ name, arguments: {} }, CALL_LIMIT);
    assert.equal(isError, false, name);
  }
}

async function* addressesIn(stderr: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input: stderr })) if (line.startsWith(company.url)) yield line;
}

test('mcp-remote finds the server, registers, has its user sign in before a real browser, calls, refreshes, steps up, and asks anew once it is revoked', async () => {
  const scratch = await scratchDirectory();
  company.agreed = ['sandbox:read'];
  const bridged = new Bridged(scratch.path, 'legacy');
  const next = new Bridged(scratch.path, 'auto');
  try {
    await bridged.connect(await browser.page());
    assert.ok((await bridged.client.listTools(undefined, CALL_LIMIT)).tools.length > 5);
    await bridged.succeeds('workspace_list');

    const first = await bridged.token();
    await company.end(first);
    clock.aheadMs += LATER_MS;
    await bridged.succeeds('workspace_list');
    assert.notEqual(await bridged.token(), first, 'it has refreshed its token');

    company.agreed = undefined;
    await Promise.all([bridged.succeeds('workspace_create'), bridged.signIn(await browser.page())]);

    await company.revoke(await bridged.token(), await bridged.clientId());
    clock.aheadMs += LATER_MS;
    await Promise.all([bridged.succeeds('workspace_list'), bridged.signIn(await browser.page())]);

    // A client that would rather speak the modern era uses what the bridge has kept.
    await next.connectAgain();
    await next.succeeds('workspace_list');
    assert.equal(next.client.getNegotiatedProtocolVersion(), MODERN);
  } finally {
    await bridged.client.close();
    await next.client.close();
    await scratch.remove();
  }
});
