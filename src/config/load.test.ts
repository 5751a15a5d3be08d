import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { loadConfig } from './load.ts';

describe('loadConfig', () => {
  let directory: string;
  let warnings: string[];
  const warn = (message: string) => void warnings.push(message);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-config-'));
    warnings = [];
  });
  afterEach(() => rm(directory, { recursive: true }));

  const load = (env: Record<string, string>, flags: Record<string, unknown> = {}) =>
    loadConfig({ env: { XDG_CONFIG_HOME: directory, ...env }, flags, warn });

  test('a flag wins over the environment, the environment over the file, the file over the default', async () => {
    const file = join(directory, 'given.json');
    await writeFile(file, JSON.stringify({ http: { port: 1001, host: '127.0.0.2' }, worker: { slots: 3 } }));
    const config = await load(
      { BOXSWAIN_CONFIG: file, BOXSWAIN_HTTP_PORT: '1002', BOXSWAIN_WORKER_SLOTS: '4' },
      { 'http.port': 1003 },
    );
    assert.equal(config.http.port, 1003);
    assert.equal(config.worker.slots, 4);
    assert.equal(config.http.host, '127.0.0.2');
    assert.equal(config.sandbox.idle_stop_seconds, 300);
  });

  test('a token of Codegen given nearer to the command wins, be it a file or not', async () => {
    const near = (await load({ CODEGEN_API_TOKEN: 'env' }, { 'codegen.api_token_file': '/flag' })).codegen;
    assert.deepEqual([near.api_token, near.api_token_file], [undefined, '/flag']);
    await writeFile(join(directory, 'far.json'), JSON.stringify({ codegen: { api_token_file: '/far' } }));
    const env = { BOXSWAIN_CONFIG: join(directory, 'far.json'), CODEGEN_API_TOKEN: 'env' };
    const { api_token, api_token_file } = (await load(env)).codegen;
    assert.deepEqual([api_token, api_token_file], ['env', undefined]);
  });

  test('earlier names are accepted and lose against the current ones', async () => {
    const config = await load({
      HTTP_PORT: '8080',
      MAX_SESSIONS: '5',
      BOXSWAIN_WORKER_SLOTS: '6',
      SESSION_MAX_AGE: '30m',
    });
    assert.equal(config.http.port, 8080);
    assert.equal(config.worker.slots, 6);
    assert.equal(config.sandbox.default_ttl_seconds, 1800);
  });

  test('both prefixes of the earlier system for sessions are accepted, and ours wins', async () => {
    const config = await load({
      CODEZERO_PORT: '1001',
      CODEZ_PORT: '1002',
      CODEZ_MCP_PORT: '1003',
      CODEZ_MCP_HOST: '127.0.0.3',
      CODEZERO_MCP_URL: 'https://boxes.example/mcp',
      CODEZ_URL: 'http://127.0.0.1:1',
      BOXSWAIN_URL: 'http://127.0.0.1:2',
      CODEZ_HUB_URL: 'https://hub.example',
      CODEZ_HUB_TOKEN: 'a token',
    });
    const { host, port, public_url } = config.http;
    assert.deepEqual([host, port, public_url], ['127.0.0.3', 1002, 'https://boxes.example/mcp']);
    assert.equal(config.client.url, 'http://127.0.0.1:2');
    assert.deepEqual([config.worker.hub, config.worker.token], ['https://hub.example', 'a token']);
    assert.equal((await load({ CODEZ_MCP_PORT: '1003', CODEZ_HOST: '::1' })).http.port, 1003);
    assert.equal((await load({ CODEZ_PORT: '1', BOXSWAIN_HTTP_PORT: '2', BOXSWAIN_PORT: '3' })).http.port, 2);
    assert.equal((await load({})).http.host, '127.0.0.1');
  });

  test('CODEZ_CONFIG_DIR names the folder of the configuration file', async () => {
    const folder = await mkdtemp(join(directory, 'codez-'));
    await writeFile(join(folder, 'config.json'), JSON.stringify({ sessions: { max_live: 3 } }));
    assert.equal((await load({ CODEZ_CONFIG_DIR: folder })).sessions.max_live, 3);
    assert.equal((await load({ CODEZ_CONFIG_DIR: folder, BOXSWAIN_CONFIG_DIR: directory })).sessions.max_live, 10);
  });

  test('directories of agents and their histories are read from the environment', async () => {
    const config = await load({
      BOXSWAIN_SESSIONS_ROOTS: '/srv/a,/srv/b',
      BOXSWAIN_HISTORY_PATHS_CLAUDE: '/srv/claude',
      BOXSWAIN_HISTORY_RETENTION_DAYS: '90',
    });
    assert.deepEqual(config.sessions.roots, ['/srv/a', '/srv/b']);
    assert.deepEqual([config.history.paths.claude, config.history.retention_days], ['/srv/claude', 90]);
    assert.deepEqual((await load({ BOXSWAIN_SESSIONS_ROOTS: ',' })).sessions.roots, []);
    assert.equal((await load({})).sessions.roots, undefined);
  });

  test('names without a meaning are ignored with a warning', async () => {
    await load({ GRPC_PORT: '50051', CLEANUP_INTERVAL: '5m' });
    assert.equal(warnings.length, 2);
  });

  test('a bad value names the key and where it came from', async () => {
    await assert.rejects(load({ BOXSWAIN_HTTP_PORT: '99999' }), /http\.port, from BOXSWAIN_HTTP_PORT/);
    await assert.rejects(load({ BOXSWAIN_HTTP_PORT: 'many' }), /BOXSWAIN_HTTP_PORT: "many" is not a number/);
  });

  test('an unknown key and a torn file are refused', async () => {
    const file = join(directory, 'given.json');
    await writeFile(file, JSON.stringify({ http: { prot: 1 } }));
    await assert.rejects(
      load({ BOXSWAIN_CONFIG: file }),
      /http\.prot, from the configuration file: there is no such key/,
    );
    await writeFile(file, '{"http": {');
    await assert.rejects(load({ BOXSWAIN_CONFIG: file }), /is not a JSON object/);
    await assert.rejects(load({ BOXSWAIN_CONFIG: join(directory, 'absent.json') }), /cannot read/);
  });

  test('lists are separated by commas and maps are pairs', async () => {
    const config = await load({
      BOXSWAIN_SANDBOX_GIT_HOSTS: 'a.example, b.example',
      BOXSWAIN_WORKER_LABELS: 'zone=a,disk=fast',
    });
    assert.deepEqual(config.sandbox.git.hosts, ['a.example', 'b.example']);
    assert.deepEqual(config.worker.labels, { zone: 'a', disk: 'fast' });
  });
});
