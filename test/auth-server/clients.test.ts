import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { UnauthorizedError } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { connectAs, transportOf } from '../auth/oauth-client.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { Application } from './application.ts';
import { type Stage, startStage } from './stage.ts';

/** Longer than a verdict about a token is kept. */
const LATER_MS = 31_000;
const create = { name: 'workspace_create', arguments: {} };

let stage: Stage;
beforeFirst(async () => {
  stage = await startStage();
});
afterLast(() => stage[Symbol.asyncDispose]());
beforeEach(() => {
  stage.aheadMs = 0;
});

const call = (token: string) => fetch(`${stage.url}/api/workspaces`, { headers: { authorization: `Bearer ${token}` } });
const send = async (path: string, fields: Record<string, string>) => {
  const response = await fetch(`${stage.url}/oauth/${path}`, { method: 'POST', body: new URLSearchParams(fields) });
  const text = await response.text();
  return { status: response.status, body: z.looseObject({}).parse(text === '' ? {} : JSON.parse(text)) };
};
const refreshed = (application: Application, refresh_token: string) =>
  send('token', { grant_type: 'refresh_token', refresh_token, client_id: application.clientId });

for (const [era, mode] of [
  ['legacy', 'legacy'],
  ['modern', 'auto'],
] as const) {
  const signedIn = async (options: ConstructorParameters<typeof Application>[0] = {}) => {
    const application = new Application(options);
    const client = await connectAs(application, stage.url, mode);
    return { application, client, [Symbol.asyncDispose]: () => client.close() };
  };

  describe(`a client of the ${era} era`, () => {
    test('finds the server, registers, and calls for the user who signs in', async () => {
      await using one = await signedIn();
      const { searchParams, origin } = one.application.visits[0] ?? assert.fail('nobody was sent anywhere');
      assert.equal(origin, stage.url);
      assert.equal(searchParams.get('code_challenge_method'), 'S256');
      assert.equal(searchParams.get('resource'), `${stage.url}/mcp`);
      const { structuredContent } = await one.client.callTool(create);
      const { workspace_id } = z.looseObject({ workspace_id: z.string() }).parse(structuredContent);
      await using same = await signedIn();
      await using other = await signedIn({ user: 'rob' });
      const see = { name: 'workspace_get', arguments: { workspace_id } };
      assert.equal((await same.client.callTool(see)).isError ?? false, false);
      assert.equal((await other.client.callTool(see)).isError, true);
    });

    test('goes on with a refreshed token, and gets another refresh token with it', async () => {
      await using one = await signedIn();
      const { application } = one;
      const first = application.got;
      application.saved = {
        ...first,
        token_type: 'Bearer',
        access_token: `${first.access_token.slice(0, -8)}AAAAAAAA`,
      };
      const { isError = false } = await one.client.callTool(create);
      assert.equal(isError, false);
      assert.notEqual(application.got.refresh_token, first.refresh_token);
      assert.equal(application.visits.length, 1);
    });

    test('loses everything when a refresh token is used twice', async () => {
      await using one = await signedIn();
      const { application } = one;
      const stolen = application.got.refresh_token;
      const next = await refreshed(application, stolen);
      const { access_token, refresh_token } = z
        .looseObject({ access_token: z.string(), refresh_token: z.string() })
        .parse(next.body);
      assert.equal((await call(access_token)).status, 200);
      assert.equal((await refreshed(application, stolen)).body.error, 'invalid_grant');
      assert.equal((await call(access_token)).status, 401);
      assert.equal((await refreshed(application, refresh_token)).body.error, 'invalid_grant');
      await assert.rejects(one.client.callTool(create), UnauthorizedError);
      assert.equal(application.visits.length, 2);
    });

    test('steps up: the user is asked for what a call needs beside what was granted', async () => {
      await using one = await signedIn({ asks: 'sandbox:read fleet:read' });
      const { application, client } = one;
      assert.equal(application.got.scope, 'sandbox:read fleet:read');
      application.asks = undefined;
      await assert.rejects(client.callTool(create), UnauthorizedError);
      const asked = application.visits.at(-1)?.searchParams.get('scope')?.split(' ') ?? [];
      for (const scope of ['sandbox:write', 'fleet:read']) assert.ok(asked.includes(scope), `${scope} in ${asked}`);
      await transportOf(application, stage.url).finishAuth(await application.visit());
      const { isError = false } = await client.callTool(create);
      assert.equal(isError, false);
    });

    test('is cut off at once when it revokes its refresh token', async () => {
      await using one = await signedIn();
      const { application } = one;
      const { access_token, refresh_token: token } = application.got;
      assert.equal((await call(access_token)).status, 200);
      const stranger = { token, client_id: 'somebody-else' };
      assert.equal((await send('revoke', stranger)).status, 401);
      assert.equal((await call(access_token)).status, 200);
      assert.equal((await send('revoke', { token, client_id: application.clientId })).status, 200);
      assert.equal((await call(access_token)).status, 401);
      await assert.rejects(one.client.callTool(create), UnauthorizedError);
    });
  });
}

describe('a token', () => {
  const tokenOf = async (application: Application) => {
    await (await connectAs(application, stage.url, 'legacy')).close();
    return application.got.access_token;
  };

  test('is short: it ends after fifteen minutes, and no sooner', async () => {
    const token = await tokenOf(new Application());
    stage.aheadMs = 14.5 * 60_000;
    assert.equal((await call(token)).status, 200);
    stage.aheadMs = 15.5 * 60_000;
    const late = await call(token);
    assert.equal(late.status, 401);
    assert.match(late.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  test('gives no more than its user may do, whatever the client asked for', async () => {
    const application = new Application({ user: 'rob' });
    const token = await tokenOf(application);
    assert.equal(application.got.scope, 'sandbox:read');
    assert.equal((await call(token)).status, 200);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${stage.url}/api/workspaces`, { method: 'POST', headers })).status, 403);
  });

  test('for all tools gives those that its user may use', async () => {
    const token = await tokenOf(new Application({ user: 'rob', asks: 'mcp:tools' }));
    assert.equal((await call(token)).status, 200);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${stage.url}/api/workspaces`, { method: 'POST', headers })).status, 403);
  });

  test('is void soon after an operator elsewhere has locked its user, and stays so', async () => {
    await stage.users.add({ name: 'eve', password: 'four words nobody guesses' });
    const token = await tokenOf(new Application({ user: 'eve' }));
    assert.equal((await call(token)).status, 200);
    await stage.users.lock('eve');
    stage.aheadMs = LATER_MS;
    assert.equal((await call(token)).status, 401);
    await stage.users.unlock('eve');
    stage.aheadMs += LATER_MS;
    assert.equal((await call(token)).status, 401);
  });

  test('of two consents of one browser are apart: what one loses the other keeps', async () => {
    const first = new Application();
    const second = new Application({ visitor: first.visitor });
    await tokenOf(first);
    await tokenOf(second);
    await send('revoke', { token: first.got.refresh_token, client_id: first.clientId });
    assert.equal((await call(first.got.access_token)).status, 401);
    assert.equal((await call(second.got.access_token)).status, 200);
  });
});
