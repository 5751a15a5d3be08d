import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { UnauthorizedError } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.ts';
import { ClientApplication, connectAs, transportOf } from './oauth-client.ts';

/** Longer than a verdict about a token is kept. */
const LATER_MS = 31_000;

let company: AuthorizationServer;
let server: TestServer;
const clock = { aheadMs: 0 };
beforeFirst(async () => {
  company = await startAuthorizationServer();
  server = await startTestServer({
    auth: { required: true, issuers: [company.entry] },
    now: () => Date.now() + clock.aheadMs,
  });
  company.resource = `${server.url}/mcp`;
});
afterLast(async () => {
  await server[Symbol.asyncDispose]();
  await company[Symbol.asyncDispose]();
});
beforeEach(() => {
  company.agreed = undefined;
  company.tokenFormat = 'opaque';
});

const tokenOf = ({ saved }: ClientApplication) => z.object({ access_token: z.string() }).parse(saved).access_token;
const clientOf = ({ registered }: ClientApplication) =>
  z.looseObject({ client_id: z.string() }).parse(registered).client_id;

for (const [era, mode] of [
  ['legacy', 'legacy'],
  ['modern', 'auto'],
] as const) {
  describe(`a client of the ${era} era`, () => {
    test('finds where to sign in, registers, and calls for its user', async () => {
      const application = new ClientApplication();
      const client = await connectAs(application, server.url, mode);
      assert.equal(application.visits[0]?.origin, company.url);
      assert.equal(application.visits[0]?.searchParams.get('code_challenge_method'), 'S256');
      assert.equal(application.visits[0]?.searchParams.get('resource'), company.resource);
      assert.ok((await client.listTools()).tools.length > 20);
      const { structuredContent } = await client.callTool({ name: 'workspace_create', arguments: {} });
      const { workspace_id } = z.looseObject({ workspace_id: z.string() }).parse(structuredContent);
      await client.close();
      // The same user by another registration has the same workspaces.
      const again = await connectAs(new ClientApplication(), server.url, mode);
      const found = await again.callTool({ name: 'workspace_get', arguments: { workspace_id } });
      assert.equal(found.isError ?? false, false);
      await again.close();
    });

    test('goes on with a refreshed token when the one that it has has ended', async () => {
      const application = new ClientApplication();
      const client = await connectAs(application, server.url, mode);
      if (era === 'legacy') await application.streaming.promise;
      const first = tokenOf(application);
      await company.end(first);
      clock.aheadMs += LATER_MS;
      const { isError = false } = await client.callTool({ name: 'workspace_list', arguments: {} });
      assert.equal(isError, false);
      assert.notEqual(tokenOf(application), first);
      assert.equal(application.visits.length, 1);
      await client.close();
    });

    test('asks its user again when all that it had was revoked', async () => {
      const application = new ClientApplication();
      const client = await connectAs(application, server.url, mode);
      if (era === 'legacy') await application.streaming.promise;
      await company.revoke(tokenOf(application), clientOf(application));
      clock.aheadMs += LATER_MS;
      await assert.rejects(client.callTool({ name: 'workspace_list', arguments: {} }), UnauthorizedError);
      assert.equal(application.visits.length, 2);
      await client.close();
    });

    test('steps up: asks its user for the scopes that a call needs, and keeps those that it had', async () => {
      company.agreed = ['sandbox:read', 'fleet:read'];
      const application = new ClientApplication();
      const client = await connectAs(application, server.url, mode);
      await client.callTool({ name: 'workspace_list', arguments: {} });
      company.agreed = undefined;
      const create = { name: 'workspace_create', arguments: {} };
      await assert.rejects(client.callTool(create), UnauthorizedError);
      const asked = application.visits.at(-1)?.searchParams.get('scope')?.split(' ') ?? [];
      for (const scope of ['sandbox:write', 'fleet:read']) assert.ok(asked.includes(scope), `${scope} in ${asked}`);
      await transportOf(application, server.url).finishAuth(await application.visit());
      const { isError = false } = await client.callTool(create);
      assert.equal(isError, false);
      await client.close();
    });

    test('may have signed tokens', async () => {
      company.tokenFormat = 'jwt';
      const application = new ClientApplication();
      const client = await connectAs(application, server.url, mode);
      assert.match(tokenOf(application), /^eyJ.*\..*\..*$/);
      await client.callTool({ name: 'workspace_list', arguments: {} });
      await client.close();
    });
  });
}

test('a token for another server of the same company is refused', async () => {
  await using other = await startTestServer({ auth: { required: true, issuers: [company.entry] } });
  const application = new ClientApplication();
  const client = await connectAs(application, server.url, 'legacy');
  await client.close();
  const headers = { authorization: `Bearer ${tokenOf(application)}` };
  assert.equal((await fetch(`${server.url}/api/workspaces`, { headers })).status, 200);
  assert.equal((await fetch(`${other.url}/api/workspaces`, { headers })).status, 401);
});
