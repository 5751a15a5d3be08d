import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandLine } from '../support/command-line.ts';
import { connectWire } from '../support/wires.ts';

const inHome = (work: (home: string) => Promise<void>) => async () => {
  const home = await mkdtemp(join(tmpdir(), 'boxswain-cli-'));
  try {
    await work(home);
  } finally {
    await rm(home, { recursive: true });
  }
};

test(
  'the documented config lines work, read tokens from standard input, and never show them whole',
  inHome(async home => {
    const env = { HOME: home, BOXSWAIN_CONFIG_DIR: join(home, 'config') };
    const cli = (args: string[], stdin?: string) => commandLine(['config', ...args], { env, stdin });
    const missing = await cli(['get', 'api_token']);
    assert.deepEqual([missing.code, missing.stdout], [3, '']);
    const set = await cli(['set', 'api_token', '-'], 'your_api_token\n');
    assert.deepEqual([set.code, set.stdout], [0, "Configuration value 'api_token' set successfully\n"]);
    assert.equal((await cli(['set', 'org_id', '323'])).code, 0);
    assert.equal((await cli(['get', 'api_token'])).stdout, 'api_token: your_...\n');
    assert.equal((await cli(['get', 'org_id'])).stdout, 'org_id: 323\n');
    assert.equal((await cli(['set', 'org_id', 'acme'])).code, 2);
    assert.equal((await cli(['path'])).stdout, `${join(home, 'config', 'config.json')}\n`);
    const listed = await cli(['list']);
    assert.match(listed.stdout, /^codegen\.api_token: your_\.\.\.$/m);
    assert.match(listed.stdout, /^codegen\.org_id: 323$/m);
    assert.equal((await cli(['unset', 'org_id'])).code, 0);
    assert.equal((await cli(['get', 'org_id'])).code, 3);
    const byGroup = await commandLine(['codegen', 'config', 'get', 'api_token', '--json'], { env });
    assert.deepEqual(JSON.parse(byGroup.stdout), { status: 'success', key: 'api_token', value: 'your_...' });
  }),
);

test(
  'a client entry with its placeholders lists the six tools over stdio',
  inHome(async home => {
    const peer = await connectWire('stdio, legacy', {
      directory: join(home, 'data'),
      args: ['--toolsets', 'codegen'],
      env: { HOME: home, CODEGEN_ORG_ID: 'YOUR_ORG_ID', CODEGEN_API_TOKEN: 'YOUR_API_TOKEN' },
    });
    try {
      const names = (await peer.client.listTools()).tools.map(({ name }) => name);
      const six = ['new', 'resume', 'task_status', 'list', 'logs', 'config'].map(name => `codegen_${name}`);
      assert.deepEqual(
        names.filter(name => name.startsWith('codegen')),
        six,
      );
      const failed = await peer.call('codegen_list', {});
      assert.equal(failed.isError, true);
      assert.deepEqual([failed.output.status, failed.output.code], ['error', 'VALIDATION_ERROR']);
    } finally {
      await peer.close();
    }
  }),
);
