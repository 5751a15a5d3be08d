import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandScopes, hasScope, knownScopes } from './caller.ts';

const callerWith = (scopes: Iterable<string>) => ({ id: 'a', scopes: expandScopes(scopes), teams: new Set<string>() });

test('scopes imply each other in one direction only', () => {
  assert.deepEqual([...expandScopes(['fleet:read'])], ['fleet:read']);
  assert.deepEqual([...expandScopes(['fleet:write'])].sort(), ['fleet:read', 'fleet:write']);
  assert.deepEqual([...expandScopes(['admin'])].sort(), [...knownScopes].sort());
  assert.deepEqual([...expandScopes(['mcp:tools'])].sort(), knownScopes.filter(scope => scope !== 'admin').sort());
  assert.deepEqual([...expandScopes(['openid', 'email', 'Admin', 'sandbox', ''])], []);
});

test('expanding is idempotent, and gives nothing that hasScope would not', () => {
  const granted = fc.array(fc.oneof(fc.constantFrom(...knownScopes), fc.string()));
  fc.assert(
    fc.property(granted, scopes => {
      const once = expandScopes(scopes);
      assert.deepEqual(expandScopes(once), once);
      if (!scopes.includes('admin')) assert.equal(hasScope(callerWith(scopes), 'admin'), false);
      for (const scope of once) assert.equal(hasScope(callerWith(scopes), scope), true);
    }),
  );
});
