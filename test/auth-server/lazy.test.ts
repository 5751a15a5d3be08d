import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SPY = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  await import(process.argv[1]);
  console.log(JSON.stringify(loaded.filter(url => /oidc-provider|argon2|auth\\/server\\//.test(url))));
  console.log(loaded.length);
`;

test('where the server is off, nothing of it is loaded', async () => {
  const roles = fileURLToPath(new URL('../../src/roles.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SPY, roles]);
  const [found, count] = stdout.trim().split('\n');
  assert.equal(found, '[]');
  assert.ok(Number(count) > 100, 'the modules were not seen');
});
