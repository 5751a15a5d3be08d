import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codegenToken, offersCodegen, takesCommands } from './codegen.ts';
import { configSchema } from './config.ts';

const configOf = (given: object) => configSchema.parse({ directory: '/nowhere', ...given });

test('the tools are listed with a token, or when they are named, and with another selection they are not', () => {
  for (const [given, isOffered, isTaken] of [
    [{}, false, true],
    [{ codegen: { api_token: 't' } }, true, true],
    [{ codegen: { api_token_file: '/token' } }, true, true],
    [{ toolsets: ['codegen'] }, true, true],
    [{ toolsets: ['sandbox'], codegen: { api_token: 't' } }, false, false],
  ] as const) {
    const config = configOf(given);
    assert.deepEqual([offersCodegen(config), takesCommands(config)], [isOffered, isTaken], JSON.stringify(given));
  }
});

test('runs are looked at every five seconds, at the address of the service, unless something else is configured', () => {
  const { poll_seconds, base_url, prompt_context } = configOf({}).codegen;
  assert.deepEqual([poll_seconds, base_url, prompt_context], [5, 'https://api.codegen.com', true]);
});

test('a token comes from its file when nobody else can read that, and an empty one is none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'boxswain-token-'));
  const path = join(folder, 'token');
  try {
    await writeFile(path, ' the-token\n', { mode: 0o600 });
    assert.equal(await codegenToken({ api_token_file: path }), 'the-token');
    assert.equal(await codegenToken({ api_token_file: path, api_token: 'given' }), 'given');
    await writeFile(path, '\n');
    assert.equal(await codegenToken({ api_token_file: path }), undefined);
    await chmod(path, 0o640);
    await assert.rejects(codegenToken({ api_token_file: path }), { code: 'NOT_CONFIGURED', message: /mode 0600/ });
    await assert.rejects(codegenToken({ api_token_file: join(folder, 'none') }), { code: 'NOT_CONFIGURED' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
