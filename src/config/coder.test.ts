import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { coderAccess, isCoderConfigured } from './coder.ts';
import { loadConfig } from './load.ts';

describe('configuration of Coder', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-coder-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const load = (env: Record<string, string>, envFile?: string) =>
    loadConfig({ env: { XDG_CONFIG_HOME: directory, ...env }, envFile, warn: () => {} });

  test('address and token are both needed, and the address has no default', async () => {
    assert.equal(isCoderConfigured(await load({})), false);
    assert.equal(isCoderConfigured(await load({ CODER_SESSION_TOKEN: 't' })), false);
    assert.equal(isCoderConfigured(await load({ CODER_URL: 'coder.test' })), false);
    const config = await load({ CODER_URL: 'coder.test', CODER_SESSION_TOKEN: 't' });
    assert.equal(isCoderConfigured(config), true);
    assert.deepEqual(await coderAccess(config), { url: 'https://coder.test', token: 't' });
    assert.equal(await coderAccess(await load({ CODER_SESSION_TOKEN: 't' })), undefined);
  });

  test('an address without scheme is an https one, and its last slash is dropped', async () => {
    const urlOf = async (text: string) => (await load({ CODER_URL: text })).coder.url;
    assert.equal(await urlOf('coder.test'), 'https://coder.test');
    assert.equal(await urlOf('coder.test:8443/base/'), 'https://coder.test:8443/base');
    assert.equal(await urlOf('http://127.0.0.1:3000/'), 'http://127.0.0.1:3000');
    assert.equal(await urlOf('https://coder.test'), 'https://coder.test');
    await assert.rejects(urlOf('ftp://coder.test'), /configuration key coder.url, from CODER_URL/);
    await assert.rejects(urlOf('not an address'), /configuration key coder.url/);
  });

  test('time and repetitions are 30 s and 3 unless the environment says otherwise, where our own names win', async () => {
    const { coder: usual } = await load({});
    assert.deepEqual([usual.timeout_seconds, usual.max_retries], [30, 3]);
    const earlier = { CODER_TIMEOUT: '5', CODER_MAX_RETRIES: '1', CODER_URL: 'a.test', CODER_SESSION_TOKEN: 'a' };
    const { coder } = await load(earlier);
    assert.deepEqual([coder.timeout_seconds, coder.max_retries], [5, 1]);
    const ours = Object.fromEntries(Object.entries(earlier).map(([name, value]) => [`BOXSWAIN_${name}`, `${value}2`]));
    const { coder: own } = await load({
      ...earlier,
      ...ours,
      BOXSWAIN_CODER_MAX_RETRIES: '2',
      BOXSWAIN_CODER_URL: 'b.test',
    });
    assert.deepEqual(
      [own.timeout_seconds, own.max_retries, own.url, own.session_token],
      [52, 2, 'https://b.test', 'a2'],
    );
  });

  test('a token can lie in a file, which must be readable and not empty', async () => {
    const file = join(directory, 'token');
    const config = await load({ CODER_URL: 'coder.test', BOXSWAIN_CODER_TOKEN_FILE: file });
    await assert.rejects(coderAccess(config), { code: 'VALIDATION_ERROR' });
    await writeFile(file, '\n');
    await assert.rejects(coderAccess(config), { code: 'VALIDATION_ERROR' });
    await writeFile(file, 'secret\n');
    assert.equal((await coderAccess(config))?.token, 'secret');
  });

  test('a file of variables is read where it is named, below the environment, and must be there', async () => {
    const file = join(directory, 'fleet.env');
    await writeFile(file, '# of Coder\nCODER_URL="file.test"\nCODER_SESSION_TOKEN=from-file\n');
    const byFlag = await load({ CODER_SESSION_TOKEN: 'from-environment' }, file);
    assert.equal(byFlag.coder.url, 'https://file.test');
    assert.equal(byFlag.coder.session_token, 'from-environment');
    assert.equal((await load({ BOXSWAIN_ENV_FILE: file })).coder.session_token, 'from-file');
    await assert.rejects(load({}, join(directory, 'missing.env')), { code: 'VALIDATION_ERROR' });
  });
});
