import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type FakeCodegen, startFakeCodegen } from '../../test/support/fake-codegen/fake-codegen.ts';
import { configSchema } from '../config/config.ts';
import { silentLog } from '../log/log.ts';
import { providerChecks } from './providers.ts';

const checksWith = (codegen: Record<string, string>) =>
  providerChecks({ config: configSchema.parse({ directory: '/nowhere', codegen }), log: silentLog });

async function fakeOf(t: TestContext): Promise<FakeCodegen> {
  const fake = await startFakeCodegen();
  t.after(() => fake.close());
  return fake;
}

test('doctor says nothing of a provider that is not configured', async () => {
  assert.deepEqual(await checksWith({}), []);
});

test('doctor asks Codegen whose the token is, and whether it may use the organization', async t => {
  const { origin: base_url, token: api_token, orgId } = await fakeOf(t);
  const [good] = await checksWith({ base_url, api_token, org_id: orgId });
  assert.equal(good?.state, 'ok');
  assert.match(good?.detail ?? '', /as that of octo; organization 323 has 0 runs$/);
  const [foreign] = await checksWith({ base_url, api_token, org_id: '99' });
  assert.equal(foreign?.state, 'fail');
  assert.equal(foreign?.detail, 'Authentication failed. Check CODEGEN_API_TOKEN.');
});

test('doctor says that Codegen refuses a token, without showing it', async t => {
  const { origin: base_url, orgId } = await fakeOf(t);
  const api_token = 'sk-wrong-0123456789';
  const checks = await checksWith({ base_url, api_token, org_id: orgId });
  assert.equal(checks[0]?.detail, 'Authentication failed. Check CODEGEN_API_TOKEN.');
  assert.ok(!JSON.stringify(checks).includes(api_token));
});

test('doctor names what is missing for Codegen', async () => {
  const [check] = await checksWith({ api_token: 'x' });
  assert.deepEqual([check?.state, check?.detail], ['warn', 'CODEGEN_ORG_ID is not set']);
});

test('a token file serves when only its owner can read it', async t => {
  const { origin: base_url, token, orgId: org_id } = await fakeOf(t);
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const api_token_file = join(directory, 'token');
  const check = async () => (await checksWith({ base_url, org_id, api_token_file }))[0];
  assert.match((await check())?.detail ?? '', /cannot be read$/);
  await writeFile(api_token_file, `${token}\n`, { mode: 0o600 });
  assert.equal((await check())?.state, 'ok');
  await chmod(api_token_file, 0o644);
  assert.match((await check())?.detail ?? '', /can be read by others/);
});
