import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import { AppError } from '../errors/app-error.ts';
import { allOperations, operatorOperations } from '../operations/registry.ts';
import { type Flags, type ProgramOptions, type Roles, runProgram } from './program.ts';

interface Setting {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly isInteractive?: boolean;
  readonly roles?: Partial<Roles>;
  readonly signal?: AbortSignal;
}

const token = {
  token_id: 'tok_1',
  role: 'worker',
  id: 'worker-1',
  labels: {},
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  revoked_at: null,
} as const;

/** Runs a command line against roles that only note what they are asked. */
async function runLine(argv: string[], { env = {}, stdin = '', isInteractive, roles, signal }: Setting = {}) {
  const terminal = new RecordingTerminal({ isInteractive });
  const calls: { operation: string; args: Record<string, unknown> }[] = [];
  const started: { role: string; flags: Flags }[] = [];
  let closed = 0;
  const noting = (role: string) => async (flags: Flags) => void started.push({ role, flags });
  const options: ProgramOptions = {
    version: '1.2.3',
    operations: [...allOperations, ...operatorOperations],
    terminal,
    env,
    signal: signal ?? new AbortController().signal,
    readStdin: async () => stdin,
    roles: {
      serve: noting('serve'),
      hub: noting('hub'),
      worker: noting('worker'),
      serveStdio: noting('mcp'),
      connect: async flags => {
        started.push({ role: 'connect', flags });
        return {
          call: async (operation, args) => {
            calls.push({ operation: operation.name, args });
            return { output: { exit_code: 0 }, text: ['done'] };
          },
          upload: async (sessionId, { name, bytes }) => ({ fileId: `${sessionId} ${name} ${bytes.length}` }),
          close: async () => {
            closed += 1;
          },
        };
      },
      settings: () => ({
        path: '/none/config.json',
        current: async () => Promise.reject(new Error('the test has no configuration')),
        get: async () => undefined,
        set: async () => ({ overriddenBy: undefined }),
        unset: async () => false,
      }),
      openUsers: async () => Promise.reject(new Error('the test has no users')),
      issuerAt: async publicUrl => publicUrl ?? 'https://box.example.com',
      makeSigningKeys: async () => {},
      hookAccess: async () => ({ url: undefined, tokenFile: '/none', holdSeconds: 1 }),
      doctor: async () => [],
      attack: async () => ({ engine: { name: 'e', versions: {}, stale: [] }, attempts: [] }),
      exportTo: async () => ({ tables: { task: 2 }, blobs: 1, blob_bytes: 5, missing_blobs: [], workspaces: [] }),
      createToken: async () => ({ ...token, token: 'secret', isNewAuthority: false }),
      listTokens: async () => [token],
      revokeToken: async () => [{ ...token, revoked_at: token.created_at }],
      natsConfig: async () => 'listen: x\n',
      importFrom: async () => ({ exported_at: '2026-01-01T00:00:00.000Z', tables: { task: 2 }, blobs: 1 }),
      ...roles,
    },
  };
  await runProgram(argv, options);
  return { terminal, calls, started, closed, call: calls[0] };
}

test('flags are the arguments of the operation, and the connection is closed afterwards', async () => {
  const { call, closed } = await runLine(
    'sandbox read --workspace ws_1 notes.txt --offset 5 --encoding base64'.split(' '),
  );
  const args = { workspace_id: 'ws_1', path: 'notes.txt', offset: 5, encoding: 'base64' };
  assert.deepEqual([call, closed], [{ operation: 'fs_read', args }, 1]);
});

test('a boolean flag can be turned off, also one whose name is a negation', async () => {
  for (const [words, name, value] of [
    ['sandbox write a --content x', 'create_dirs', undefined],
    ['sandbox write a --content x --no-create-dirs', 'create_dirs', false],
    ['sandbox write a --content x --create-dirs', 'create_dirs', true],
    ['sandbox install --no-deps a', 'no_deps', true],
    ['sandbox install --deps a', 'no_deps', false],
    ['sandbox install a', 'no_deps', undefined],
  ] as const) {
    assert.equal((await runLine(words.split(' '))).call?.args[name], value, words);
  }
});

test('the rest of a line is the command; its own flags stay its own', async () => {
  const run = async (...words: string[]) => (await runLine(['sandbox', 'run', ...words])).call?.args;
  assert.deepEqual(await run('--', 'sh', '-c', 'exit 5'), { command: ['sh', '-c', 'exit 5'] });
  assert.deepEqual(await run('ls', '--json'), { command: ['ls', '--json'] });
  assert.deepEqual(await run('ls | wc'), { command: 'ls | wc' });
});

test('the workspace comes from the environment unless it is typed, and only where one is taken', async () => {
  const env = { BOXSWAIN_WORKSPACE: 'ws_env' };
  const of = async (line: string) => (await runLine(line.split(' '), { env })).call?.args.workspace_id;
  assert.equal(await of('sandbox ls'), 'ws_env');
  assert.equal(await of('sandbox ls --workspace ws_typed'), 'ws_typed');
  assert.equal(await of('task list'), 'ws_env');
  assert.equal(await of('task status T'), undefined);
});

test('standard input is read for "-", and for a write that has no content, but never waited for at a terminal', async () => {
  const stdin = 'piped';
  assert.equal((await runLine(['sandbox', 'python', '-'], { stdin })).call?.args.code, 'piped');
  assert.equal((await runLine(['sandbox', 'write', 'a'], { stdin })).call?.args.content, 'piped');
  assert.equal(
    (await runLine(['sandbox', 'write', 'a'], { stdin, isInteractive: true })).call?.args.content,
    undefined,
  );
});

test('what was typed about the process becomes configuration', async () => {
  const { started } = await runLine(
    'serve --port 5000 --toolsets core,sandbox --read-only --directory /d --debug --config c.json --env-file v.env'.split(
      ' ',
    ),
  );
  const [{ flags } = assert.fail('nothing was started')] = started;
  assert.equal(flags.config, 'c.json');
  assert.equal(flags.envFile, 'v.env');
  const { 'http.port': port, 'log.level': level, toolsets, read_only, directory } = flags.settings;
  assert.deepEqual(
    [String(port), level, toolsets, read_only, directory],
    ['5000', 'debug', ['core', 'sandbox'], true, '/d'],
  );
  assert.equal((await runLine(['mcp', '--read-only'])).started[0]?.role, 'mcp');
});

test('a wrong line fails like a wrong argument, and tells what is valid', async () => {
  for (const [line, problem, valid] of [
    ['sandbix', /unknown command 'sandbix'/, 'serve, hub, worker, mcp, sandbox'],
    ['sandbox lss', /unknown command 'lss'/, 'create, list, get'],
    ['sandbox ls --colour red', /unknown option '--colour'/, '--workspace'],
    ['sandbox read --encoding latin1 a', /latin1/, '--encoding'],
    ['sandbox read a --limit', /argument missing/, '--limit'],
  ] as const) {
    const { terminal, started } = await runLine(line.split(' '));
    assert.deepEqual([terminal.exitCode, terminal.stdout, started], [2, '', []], line);
    const [error = '', hint = '', ...rest] = terminal.stderr.split('\n');
    assert.match(error, /^error: (?!error).+ \[VALIDATION_ERROR\]$/, line);
    assert.match(error, problem);
    assert.ok(hint.startsWith('hint: ') && hint.includes(valid), hint);
    assert.deepEqual(rest, [''], line);
  }
  const { terminal } = await runLine('sandbox ls --json --colour red'.split(' '));
  assert.equal(JSON.parse(terminal.stderr).code, 'VALIDATION_ERROR');
});

test('help and version exit with 0; a group alone shows its help and exits with 2', async () => {
  for (const [line, shown] of [
    ['--help', /Usage: boxswain/],
    ['sandbox run --help', /Examples:\n {2}boxswain/],
    ['--version', /^1\.2\.3\n$/],
  ] as const) {
    const { terminal } = await runLine(line.split(' '));
    assert.equal(terminal.exitCode, 0, line);
    assert.match(terminal.stdout, shown, line);
  }
  const { terminal } = await runLine(['sandbox']);
  assert.equal(terminal.exitCode, 2);
  assert.match(terminal.stderr, /^Usage: boxswain sandbox/);
});

test('a failure of an operation is its error and its exit code; anything else is not hidden', async () => {
  const failing = (error: unknown): Partial<Roles> => ({ connect: () => Promise.reject(error) });
  const refused = await runLine(['task', 'list'], { roles: failing(new AppError('NO_WORKER_AVAILABLE', 'none')) });
  assert.equal(refused.terminal.exitCode, 7);
  assert.match(refused.terminal.stderr, /^error: none \[NO_WORKER_AVAILABLE\]\nhint: /);
  const bug = new TypeError('a bug');
  await assert.rejects(runLine(['task', 'list'], { roles: failing(bug) }), bug);
  const stopped = await runLine(['task', 'list'], { roles: failing(bug), signal: AbortSignal.abort() });
  assert.equal(stopped.terminal.exitCode, 130);
});

test('doctor exits with 1 when a check fails or an attack gets through', async () => {
  const check = (state: 'ok' | 'warn' | 'fail') => ({ doctor: async () => [{ name: 'x', state, detail: 'd' }] });
  const attack = (held: boolean) => ({
    attack: async () => ({
      engine: { name: 'e', versions: {}, stale: [] },
      attempts: [{ name: 'x', held, detail: 'd' }],
    }),
  });
  for (const [line, roles, code] of [
    ['doctor', check('ok'), 0],
    ['doctor --json', check('warn'), 0],
    ['doctor', check('fail'), 1],
    ['doctor --attack', attack(true), 0],
    ['doctor --attack --json', attack(false), 1],
  ] as const) {
    assert.equal((await runLine(line.split(' '), { roles })).terminal.exitCode, code, line);
  }
});

test('completion knows commands and flags, and nothing hidden', async () => {
  const complete = async (...words: string[]) =>
    (await runLine(['__complete', '--', ...words])).terminal.stdout.trim().split('\n');
  const first = await complete('');
  for (const name of ['serve', 'mcp', 'sandbox', 'task', 'doctor', 'completion']) assert.ok(first.includes(name), name);
  assert.ok(!first.includes('__complete'));
  assert.deepEqual(await complete('sandbox', 'py'), ['python']);
  assert.deepEqual(await complete('sandbox', 'python', '--wo'), ['--workspace']);
  const install = await complete('sandbox', 'install', '--');
  assert.ok(install.includes('--no-deps') && !install.includes('--deps') && !install.includes('--no-upgrade'));
  assert.deepEqual(await complete('nothing'), ['']);
});

test('there is a completion script for three shells, and a clear answer for others', async () => {
  for (const shell of ['bash', 'zsh', 'fish'])
    assert.match((await runLine(['completion', shell])).terminal.stdout, /boxswain __complete --/);
  const { terminal } = await runLine(['completion', 'cmd']);
  assert.match(terminal.stderr, /no completion for "cmd".*\nhint: use one of: bash, zsh, fish/);
  assert.equal(terminal.exitCode, 2);
});

test('workers are looked after under either name, and a worker is started by its own', async () => {
  for (const group of ['workers', 'worker']) {
    for (const [line, operation, args] of [
      [`${group} list --json`, 'worker_list', {}],
      [`${group} drain w1`, 'worker_drain', { worker_id: 'w1' }],
      [`${group} undrain w1`, 'worker_undrain', { worker_id: 'w1' }],
      [`${group} remove w1 --force`, 'worker_remove', { worker_id: 'w1', force: true }],
    ] as const) {
      assert.deepEqual((await runLine(line.split(' '))).call, { operation, args }, line);
    }
  }
  const { started, call } = await runLine(['worker', '--slots', '3', '--directory', '/x']);
  assert.deepEqual([started[0]?.role, started[0]?.flags.settings['worker.slots'], call], ['worker', 3, undefined]);
});

test('with --wait a drain is asked for again until nothing is left', async () => {
  const asked: Record<string, unknown>[] = [];
  const connect: Roles['connect'] = async () => ({
    call: async (_operation, args) => {
      asked.push(args);
      return { output: { is_empty: asked.length === 3 }, text: [`${3 - asked.length} left`] };
    },
    upload: async () => assert.fail('nothing is uploaded'),
    close: async () => {},
  });
  const { terminal } = await runLine(['workers', 'drain', 'w1', '--wait'], { roles: { connect } });
  assert.deepEqual(asked, Array(3).fill({ worker_id: 'w1', wait_seconds: 2 }));
  assert.equal(terminal.stdout, '0 left\n');
});
