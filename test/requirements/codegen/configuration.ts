import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { saidOf } from '../tool-arguments.ts';
import type { CodegenVerifier, Grounds } from './verify.ts';
import type { Json } from '../callers.ts';

/** `codegen_config`, and where values come from. */
export function declareConfiguration({ overMcp }: CodegenVerifier, grounds: () => Grounds): void {
  const folder = () => String(grounds().env.BOXSWAIN_CONFIG_DIR);
  const inFile = async (): Promise<Json> => {
    const { codegen } = JSON.parse(await readFile(join(folder(), 'config.json'), 'utf8'));
    return Object(codegen);
  };

  overMcp('tool.config', async ({ ok, fails, fake }) => {
    const get = (key: string) => ok('codegen_config', { action: 'get', key });
    assert.deepEqual(await get('org_id'), { status: 'success', key: 'org_id', value: fake.orgId });
    assert.deepEqual(await get('base_url'), { status: 'success', key: 'base_url', value: fake.origin });
    assert.deepEqual(await get('api_token'), { status: 'success', key: 'api_token', value: 'sk-fa...' });
    const level = { action: 'set', key: 'log_level', value: 'warn' };
    assert.deepEqual(await ok('codegen_config', level), {
      status: 'success',
      message: "Configuration value 'log_level' set successfully",
    });
    assert.equal((await get('log_level')).value, 'warn');
    await ok('codegen_config', { ...level, value: 'info' });
    for (const value of ['', 'loud'])
      assert.equal((await fails('codegen_config', { ...level, value })).code, 'VALIDATION_ERROR', value);
    const without = await fails('codegen_config', { action: 'set', key: 'org_id' });
    assert.match(saidOf(without), /Missing required argument: value/);
    const letters = await fails('codegen_config', { action: 'set', key: 'org_id', value: 'acme' });
    assert.match(saidOf(letters), /digits/);
    const unknown = await fails('codegen_config', { action: 'drop', key: 'org_id' });
    assert.match(saidOf(unknown), /get or set|is unknown: drop/);
  });

  overMcp('config.stored', async ({ ok }) => {
    const { message } = await ok('codegen_config', { action: 'set', key: 'org_id', value: '77' });
    assert.equal(
      message,
      "Configuration value 'org_id' set successfully. CODEGEN_ORG_ID wins over it while it is set.",
    );
    const token = await ok('codegen_config', { action: 'set', key: 'api_token', value: 'sk-of-the-file' });
    assert.match(String(token.message), /successfully\. BOXSWAIN_CODEGEN_API_TOKEN_FILE wins over it/);
    assert.deepEqual(await inFile(), { org_id: '77', api_token: 'sk-of-the-file' });
    assert.deepEqual(await readdir(folder()), ['config.json'], 'no draft is left');
    assert.equal((await stat(join(folder(), 'config.json'))).mode & 0o777, 0o600);
    assert.equal((await ok('codegen_config', { action: 'get', key: 'org_id' })).value, grounds().env.CODEGEN_ORG_ID);
  });

  overMcp('config.base_url', async ({ fails, ok, fake }) => {
    const refused = await fails('codegen_config', { action: 'set', key: 'base_url', value: 'http://127.0.0.1:9' });
    assert.deepEqual([refused.code, refused.status ?? 403], ['POLICY_DENIED', 403]);
    assert.equal((await ok('codegen_config', { action: 'get', key: 'base_url' })).value, fake.origin);
  });

  overMcp('config.at_once', async ({ ok, fails, useToken }) => {
    await useToken('sk-refused-0123456789');
    assert.equal((await fails('codegen_list')).code, 'AUTHENTICATION_FAILED');
    await useToken('sk-fake-at-once-0123456789');
    assert.equal((await ok('codegen_list')).status, 'success');
    await useToken('short');
    assert.equal((await ok('codegen_config', { action: 'get', key: 'api_token' })).value, '...');
  });

  overMcp('error.NOT_CONFIGURED', async ({ fails, useToken }) => {
    await useToken('');
    for (const [tool, args] of [
      ['codegen_new', { query: 'x' }],
      ['codegen_resume', { query: 'x', agent_run_id: 1 }],
      ['codegen_list', {}],
      ['codegen_logs', { agent_run_id: 1 }],
      ['codegen_task_status', { agent_run_id: 1 }],
    ] as const) {
      const failed = await fails(tool, args);
      assert.deepEqual(
        [failed.code, failed.error, failed.status ?? 503],
        ['NOT_CONFIGURED', 'API token not configured', 503],
      );
      assert.match(saidOf(failed), /CODEGEN_API_TOKEN.*boxswain config set api_token/);
    }
    const key = { action: 'get', key: 'api_token' };
    const missing = await fails('codegen_config', key);
    assert.deepEqual([missing.code, missing.status ?? 404], ['CONFIG_NOT_FOUND', 404]);
    assert.equal(missing.error, "Configuration value 'api_token' not found");
  });
}
