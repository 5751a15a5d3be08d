import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createConfigKeeper, isSecretKey, maskSecret } from './config-keeper.ts';

interface Place {
  readonly home: string;
  readonly file: string;
  readonly env: Record<string, string>;
}

const inHome = (work: (place: Place) => Promise<void>) => async () => {
  const home = await mkdtemp(join(tmpdir(), 'boxswain-config-'));
  const folder = join(home, 'own');
  try {
    await work({ home, file: join(folder, 'config.json'), env: { HOME: home, BOXSWAIN_CONFIG_DIR: folder } });
  } finally {
    await rm(home, { recursive: true });
  }
};

const keeperOf = (env: Record<string, string>, flags: Record<string, unknown> = {}) =>
  createConfigKeeper({ env, flags, warn: () => {} });

test(
  'a flag wins over the environment, that over the file, that over the earlier file, and that over the default',
  inHome(async ({ home, env }) => {
    const url = async (more: Record<string, string> = {}, flags = {}) =>
      await keeperOf({ ...env, ...more }, flags).get('base_url');
    assert.equal(await url(), 'https://api.codegen.com');
    await mkdir(join(home, '.codegen'));
    await writeFile(join(home, '.codegen', 'config.json'), '{"base_url":"https://earlier.example","org_id":7}');
    assert.equal(await url(), 'https://earlier.example');
    assert.equal(await keeperOf(env).get('org_id'), '7');
    await keeperOf(env).set('base_url', 'https://file.example');
    assert.equal(await url(), 'https://file.example');
    assert.equal(await url({ CODEGEN_BASE_URL: 'https://env.example' }), 'https://env.example');
    const both = { CODEGEN_BASE_URL: 'https://env.example', BOXSWAIN_CODEGEN_BASE_URL: 'https://ours.example' };
    assert.equal(await url(both), 'https://ours.example');
    assert.equal(await url(both, { 'codegen.base_url': 'https://flag.example' }), 'https://flag.example');
  }),
);

test(
  'what is set is in force at once, also for who had read before, in a file that is nobody else’s',
  inHome(async ({ env, file }) => {
    const reader = keeperOf(env);
    assert.equal(await reader.get('api_token'), undefined);
    const seen: string[] = [];
    const writer = createConfigKeeper({ env, warn: () => {} }, { changed: ({ log }) => void seen.push(log.level) });
    await Promise.all([
      writer.set('api_token', 'abc'),
      writer.set('http.port', '5000'),
      writer.set('log_level', 'warn'),
    ]);
    assert.deepEqual([await reader.get('api_token'), await reader.get('http.port')], ['abc', 5000]);
    assert.equal(seen.at(-1), 'warn');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(file, '..')), ['config.json']);
    assert.equal(await writer.unset('api_token'), true);
    assert.equal(await writer.unset('api_token'), false);
    assert.equal(await reader.get('api_token'), undefined);
  }),
);

test(
  'a value that is not valid, or a key that is none, changes nothing',
  inHome(async ({ env, file }) => {
    const keeper = keeperOf(env);
    await keeper.set('org_id', '7');
    const before = await readFile(file, 'utf8');
    await assert.rejects(keeper.set('http.port', '70000'), { code: 'VALIDATION_ERROR' });
    await assert.rejects(keeper.set('base_url', 'file:///etc'), { code: 'VALIDATION_ERROR' });
    await assert.rejects(keeper.set('no.such', 'x'), { code: 'VALIDATION_ERROR' });
    await assert.rejects(keeper.get('__proto__'), { code: 'VALIDATION_ERROR' });
    assert.equal(await readFile(file, 'utf8'), before);
  }),
);

test(
  'a variable that wins over what is stored is named',
  inHome(async ({ env }) => {
    const keeper = keeperOf({ ...env, CODEGEN_ORG_ID: '9' });
    assert.deepEqual(await keeper.set('org_id', '7'), { overriddenBy: 'CODEGEN_ORG_ID' });
    assert.equal(await keeper.get('org_id'), '9');
  }),
);

test(
  'an earlier file that is no JSON is left out, with a warning',
  inHome(async ({ home, env }) => {
    await mkdir(join(home, '.codegen'));
    await writeFile(join(home, '.codegen', 'config.json'), 'api_token: x');
    assert.equal(await keeperOf(env).get('api_token'), undefined);
  }),
);

test('secrets are shown by their beginning, short ones not at all', () => {
  assert.equal(maskSecret('your_api_token'), 'your_...');
  assert.equal(maskSecret('short'), '...');
  for (const key of ['api_token', 'codegen.api_token', 'worker.token', 'store.url']) assert.ok(isSecretKey(key), key);
  for (const key of ['org_id', 'codegen.api_token_file', 'http.port']) assert.ok(!isSecretKey(key), key);
});
