import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../../src/config/config.ts';
import { providerChecks } from '../../../src/diagnosis/providers.ts';
import { createLog } from '../../../src/log/log.ts';
import { startFakeCoder } from '../../support/fake-coder/fake-coder.ts';

const log = createLog({ level: 'silent' });
const checksOf = (coder: Record<string, unknown>) =>
  providerChecks({ config: configSchema.parse({ directory: '/nonexistent', coder }), log });

test('doctor asks Coder whose the token is', async t => {
  const fake = await startFakeCoder();
  t.after(() => fake.close());
  const [check] = await checksOf({ url: `${fake.origin}/`, session_token: fake.token });
  assert.equal(check?.state, 'ok');
  assert.match(check?.detail ?? '', /that of alice$/);
  assert.deepEqual(
    fake.requests.map(({ pathname }) => pathname),
    ['/api/v2/users/me'],
  );
});

test('doctor says that a token is not taken, and does not show it', async t => {
  const fake = await startFakeCoder();
  t.after(() => fake.close());
  const [check] = await checksOf({ url: fake.origin, session_token: 'some-other-token' });
  assert.equal(check?.state, 'fail');
  assert.equal(check?.detail, 'Authentication failed. Check CODER_SESSION_TOKEN.');
  assert.ok(!JSON.stringify(check).includes('some-other-token'));
});

test('doctor names the half that is missing, and says nothing of Coder where none is wanted', async () => {
  assert.match((await checksOf({ url: 'coder.test' }))[0]?.detail ?? '', /^CODER_SESSION_TOKEN is not set/);
  assert.match((await checksOf({ session_token: 't' }))[0]?.detail ?? '', /^CODER_URL is not set/);
  assert.deepEqual(await checksOf({}), []);
});
