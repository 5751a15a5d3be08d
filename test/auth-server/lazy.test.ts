import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SPY = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  for (const path of process.argv.slice(1)) await import(path);
  console.log(JSON.stringify(loaded.filter(url => /oidc-provider|argon2|auth\\/server\\//.test(url))));
  console.log(loaded.length);
`;

test('where the server is off, nothing of it is loaded', async () => {
  const parts = ['roles', 'serving', 'solo', 'cluster', 'http/server', 'mcp/local-socket'];
  const paths = parts.map(name => fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url)));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SPY, '--', ...paths]);
  const [found, count] = stdout.trim().split('\n');
  assert.equal(found, '[]');
  assert.ok(Number(count) > 100, 'the modules were not seen');
});
