import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from './config.ts';
import { isCodegenConfigured, offersFleet } from './fleet.ts';

const offers = (settings: object): boolean => offersFleet(configSchema.parse({ directory: '/nowhere', ...settings }));

test('the toolset is offered where a provider is configured, or where it is named', () => {
  const coder = { url: 'https://coder.example.com', session_token: 'a-token' };
  const codegen = { api_token: 'a-token', org_id: '1' };
  assert.deepEqual([offers({}), offers({ coder }), offers({ codegen })], [false, true, true]);
  assert.equal(offers({ coder: { url: coder.url } }), false, 'half of what it takes');
  assert.equal(offers({ toolsets: ['fleet'] }), true);
  assert.equal(offers({ coder, toolsets: ['sandbox'] }), false, 'others are named');
});

test('Codegen is configured with a token, given or in a file, and an organization', () => {
  const isConfigured = (codegen: object) => isCodegenConfigured(configSchema.parse({ directory: '/nowhere', codegen }));
  assert.deepEqual(
    [{ api_token: 't' }, { org_id: '1' }, { api_token: 't', org_id: '1' }, { api_token_file: '/f', org_id: '1' }].map(
      isConfigured,
    ),
    [false, false, true, true],
  );
});
