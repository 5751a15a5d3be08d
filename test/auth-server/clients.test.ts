import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { UnauthorizedError } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { connectAs, transportOf } from '../auth/oauth-client.ts';
import { Application } from './application.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
before(async () => {
  stage = await startStage();
});
after(() => stage[Symbol.asyncDispose]());

const create = { name: 'workspace_create', arguments: {} };

for (const [era, mode] of [
  ['legacy', 'legacy'],
  ['modern', 'auto'],
] as const) {
  describe(`a client of the ${era} era`, () => {
    test('finds the server, registers, and calls for the user who signs in', async () => {
      const application = new Application();
      const client = await connectAs(application, stage.url, mode);
      const { searchParams, origin } = application.visits[0] ?? assert.fail('nobody was sent anywhere');
      assert.equal(origin, stage.url);
      assert.equal(searchParams.get('code_challenge_method'), 'S256');
      assert.equal(searchParams.get('resource'), `${stage.url}/mcp`);
      const { isError = false } = await client.callTool(create);
      assert.equal(isError, false);
      await client.close();
    });
  });
}
