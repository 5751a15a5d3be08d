import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { Command } from 'commander';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import type { TokenRequest } from '../auth/worker-tokens.ts';
import { AppError } from '../errors/app-error.ts';
import { addWorkerTokens, type NatsConfigRequest, type TokenRoles } from './worker-token.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker-token-'));
});
afterEach(() => rm(directory, { recursive: true }));

const view = {
  token_id: 'tok_aaaabbbbcccc',
  role: 'worker',
  id: 'worker-1',
  labels: {},
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  revoked_at: null,
} as const;

async function runLine(words: string[], roles: Partial<TokenRoles> = {}) {
  const terminal = new RecordingTerminal();
  const requests: TokenRequest[] = [];
  const configs: NatsConfigRequest[] = [];
  const worker = new Command('worker').exitOverride().configureOutput({ writeOut: text => terminal.out(text) });
  addWorkerTokens(worker, {
    terminal,
    flagsOf: () => ({ settings: {} }),
    roles: {
      createToken: async (_flags, request) => {
        requests.push(request);
        return { ...view, token: 'the secret\n', isNewAuthority: false };
      },
      listTokens: async () => [view, { ...view, token_id: 'tok_z', revoked_at: '2026-01-02T00:00:00.000Z' }],
      revokeToken: async () => [{ ...view, revoked_at: '2026-01-02T00:00:00.000Z' }],
      natsConfig: async (_flags, request) => {
        configs.push(request);
        return 'listen: x\n';
      },
      ...roles,
    },
  });
  await worker.parseAsync(['token', ...words], { from: 'user' });
  return { terminal, requests, configs };
}

it('a token is printed alone, so that it can be piped to where it belongs', async () => {
  const { terminal, requests } = await runLine(
    'create --id worker-1 --label zone=a --label kind=x=y --expires 30d'.split(' '),
  );
  assert.deepEqual([terminal.stdout, terminal.stderr], ['the secret\n', '']);
  const [{ role, id, labels, expiresSeconds } = assert.fail('nothing was made')] = requests;
  assert.deepEqual([role, id, labels, expiresSeconds], ['worker', 'worker-1', { zone: 'a', kind: 'x=y' }, 2_592_000]);
});

it('a token goes into a file that its owner alone reads; the rest is told', async () => {
  const file = join(directory, 'worker-1.token');
  const { terminal } = await runLine(['create', '--output', file]);
  assert.equal(terminal.stdout, 'tok_aaaabbbbcccc for worker worker-1, never expires\n');
  assert.equal(await readFile(file, 'utf8'), 'the secret\n');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const asJson = await runLine(['create', '--json', '--output', join(directory, 'other')]);
  assert.deepEqual(JSON.parse(asJson.terminal.stdout), view);
  const printed = await runLine(['create', '--json']);
  assert.equal(JSON.parse(printed.terminal.stdout).token, 'the secret\n');
});

it('no file is written over, and none is left where no token was made', async () => {
  const file = join(directory, 'worker-1.token');
  await writeFile(file, 'another token');
  const createToken = () => assert.fail('a token was made that has no place');
  await assert.rejects(runLine(['create', '--output', file], { createToken }), { code: 'VALIDATION_ERROR' });
  assert.equal(await readFile(file, 'utf8'), 'another token');
  const fails = () => Promise.reject(new AppError('VALIDATION_ERROR', 'no NATS server is named'));
  await assert.rejects(runLine(['create', '--output', join(directory, 'new')], { createToken: fails }));
  assert.deepEqual(await readdir(directory), ['worker-1.token']);
});

it('what cannot be understood is refused before anything is made', async () => {
  for (const words of ['--expires soon', '--expires 0d', '--expires -1h', '--label zone', '--role king']) {
    const createToken = () => assert.fail(`a token was made: ${words}`);
    await assert.rejects(runLine(['create', ...words.split(' ')], { createToken }));
  }
  await assert.rejects(runLine(['nats-config', '--tls-cert', 'c.pem']), /belong together/);
});

it('the first token of an authority comes with a note beside it', async () => {
  const createToken = async () => ({ ...view, token: 'the secret\n', isNewAuthority: true });
  const { terminal } = await runLine(['create'], { createToken });
  assert.equal(terminal.stdout, 'the secret\n');
  assert.match(terminal.stderr, /boxswain worker token nats-config/);
});

it('tokens are listed as a table, and as JSON', async () => {
  const { terminal } = await runLine(['list']);
  const [head = '', first = '', second = ''] = terminal.stdout.split('\n');
  for (const title of ['token', 'role', 'id', 'created', 'expires', 'revoked']) assert.ok(head.includes(title));
  assert.match(first, /^tok_aaaabbbbcccc +worker +worker-1 +2026-01-01T\S+ +- +-$/);
  assert.match(second, / 2026-01-02T00:00:00.000Z$/);
  assert.equal(JSON.parse((await runLine(['list', '--json'])).terminal.stdout).tokens.length, 2);
  assert.match((await runLine(['list'], { listTokens: async () => [] })).terminal.stdout, /no tokens yet/);
});

it('a revoked token is named, and the configuration of nats-server printed', async () => {
  const { terminal } = await runLine(['revoke', 'worker-1']);
  assert.equal(terminal.stdout, 'revoked tok_aaaabbbbcccc of worker worker-1\n');
  const tls = ['--tls-cert', 'c.pem', '--tls-key', 'k.pem'];
  const { configs, ...config } = await runLine(['nats-config', ...tls, '--websocket-listen', ':443']);
  assert.equal(config.terminal.stdout, 'listen: x\n');
  assert.deepEqual(configs, [
    {
      listen: '0.0.0.0:4222',
      webSocketListen: ':443',
      resolverDirectory: '/var/lib/nats/resolver',
      tls: { certFile: 'c.pem', keyFile: 'k.pem' },
    },
  ]);
});
