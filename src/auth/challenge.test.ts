import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandScopes } from './caller.ts';
import { challengeHeader, scopesFor } from './challenge.ts';

const METADATA = 'https://box.example.com/.well-known/oauth-protected-resource/mcp';

test('a challenge names the metadata, or the realm where there is none', () => {
  assert.equal(challengeHeader({ metadataUrl: METADATA }), `Bearer resource_metadata="${METADATA}"`);
  assert.equal(challengeHeader({ metadataUrl: undefined }), 'Bearer realm="boxswain"');
  assert.equal(
    challengeHeader({ metadataUrl: METADATA, error: 'insufficient_scope', scopes: ['a', 'b'] }),
    `Bearer resource_metadata="${METADATA}", error="insufficient_scope", scope="a b"`,
  );
});

test('the next token needs what the caller has and what it lacks, each once', () => {
  const caller = (...granted: string[]) => ({ scopes: expandScopes(granted) });
  assert.deepEqual(scopesFor(caller('sandbox:read'), ['sandbox:write']), ['sandbox:write']);
  assert.deepEqual(scopesFor(caller('fleet:write'), ['sandbox:read', 'sandbox:read']), ['fleet:write', 'sandbox:read']);
  assert.deepEqual(scopesFor(caller('mcp:tools'), ['admin']), ['mcp:tools', 'admin']);
  assert.deepEqual(scopesFor(caller(), ['sandbox:write']), ['sandbox:write']);
});
