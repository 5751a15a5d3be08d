import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { RecordingTerminal } from '../../../test/support/recording-terminal.ts';
import { createUsers } from '../../auth/server/users.ts';
import { openKeys } from '../../auth/server/keys.ts';
import { AuditTrail } from '../../hub/audit.ts';
import { silentLog } from '../../log/log.ts';
import { operatorOperations } from '../../operations/registry.ts';
import { createRoles } from '../../roles.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { runProgram } from '../program.ts';

const PASSWORD = 'four words nobody guesses';
let directory = '';
beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sign-in-'));
});
afterLast(() => rm(directory, { recursive: true }));

/** Runs a command line on records and a configuration of the test's own. */
async function run(argv: string[], { stdin = '', secrets }: { stdin?: string; secrets?: string[] } = {}) {
  const terminal = new RecordingTerminal({ isInteractive: secrets !== undefined });
  terminal.secrets.push(...(secrets ?? []));
  const env = {
    HOME: directory,
    BOXSWAIN_DIRECTORY: join(directory, 'data'),
    BOXSWAIN_CONFIG: join(directory, 'config.json'),
  };
  await runProgram(argv, {
    ...{ version: '1.2.3', operations: operatorOperations, terminal, env },
    roles: createRoles({ version: '1.2.3', env }),
    signal: new AbortController().signal,
    readStdin: async () => stdin,
  });
  return terminal;
}
const json = (text: string) => z.looseObject({}).parse(JSON.parse(text));

/** The records as a hub sees them. */
async function withStore<Result>(work: (store: Awaited<ReturnType<typeof createSqliteStore>>) => Promise<Result>) {
  const store = await createSqliteStore({ path: join(directory, 'data', 'records.db') });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
const signIn = (name: string, password: string) =>
  withStore(async store => {
    const audit = new AuditTrail(store.audit, silentLog);
    const found = await createUsers(store, { audit }).signIn(name, password);
    await audit.close();
    return found;
  });

test('the server is switched on with an address that clients can trust, and says what comes next', async () => {
  await writeFile(join(directory, 'config.json'), '{}');
  const without = await run(['auth', 'enable']);
  assert.equal(without.exitCode, 2);
  assert.match(without.stderr, /needs http\.public_url/);
  const clear = await run(['auth', 'enable', '--public-url', 'http://box.example.com']);
  assert.match(clear.stderr, /with https/);
  assert.equal(await readFile(join(directory, 'config.json'), 'utf8'), '{}');
  const on = await run(['auth', 'enable', '--public-url', 'https://box.example.com/']);
  assert.match(on.stdout, /is on, as https:\/\/box\.example\.com\n/);
  assert.match(on.stdout, /boxswain users add NAME/);
  assert.match(on.stdout, /https:\/\/box\.example\.com\/mcp/);
  const { auth, http } = json(await readFile(join(directory, 'config.json'), 'utf8'));
  // A proxy on this machine makes everybody look local.
  assert.deepEqual(auth, { server: { enabled: true }, required: true });
  assert.deepEqual(http, { public_url: 'https://box.example.com/' });
  const status = json((await run(['auth', 'status', '--json'])).stdout);
  assert.deepEqual(status, { enabled: true, issuer: 'https://box.example.com', users: 0, locked: 0 });
});

test('keys stay until new ones are asked for', async () => {
  const key = () => withStore(async store => (await openKeys(store)).signing[0]?.kid);
  const first = await key();
  await run(['auth', 'enable']);
  assert.equal(await key(), first);
  await run(['auth', 'enable', '--new-keys']);
  assert.notEqual(await key(), first);
});

test('a user gets a password from a file, from a pipe or typed unseen, and never from an argument', async () => {
  const file = join(directory, 'password');
  await writeFile(file, `${PASSWORD}\n`);
  await run(['users', 'add', 'ada', '--password-file', file, '--team', 'web', '--team', 'ops']);
  await run(['users', 'add', 'bob', '--scopes', 'sandbox:write, sessions:read'], { stdin: `${PASSWORD}\r\n` });
  const typed = await run(['users', 'add', 'cyd', '--scopes', 'admin'], { secrets: [PASSWORD, PASSWORD] });
  assert.doesNotMatch(typed.stdout + typed.stderr, /four words/);
  for (const name of ['ada', 'bob', 'cyd']) assert.equal(await signIn(name, PASSWORD), name);
  const { users } = json((await run(['users', 'list', '--json'])).stdout);
  const seen = z.array(z.looseObject({ name: z.string(), scopes: z.array(z.string()), teams: z.array(z.string()) }));
  assert.deepEqual(
    seen.parse(users).map(({ name, scopes, teams }) => ({ name, scopes, teams })),
    [
      { name: 'ada', scopes: ['mcp:tools'], teams: ['web', 'ops'] },
      { name: 'bob', scopes: ['sandbox:write', 'sessions:read'], teams: [] },
      { name: 'cyd', scopes: ['admin'], teams: [] },
    ],
  );
});

test('what is wrong with a user or a password is said, and nobody is added', async () => {
  const cases: [string[], Parameters<typeof run>[1], RegExp][] = [
    [['ada'], { stdin: PASSWORD }, /there is a user ada already/],
    [['Ada'], { stdin: PASSWORD }, /"Ada" is no name for a user/],
    [['eve', '--scopes', 'everything'], { stdin: PASSWORD }, /no scope "everything"/],
    [['eve'], { stdin: 'short' }, /shorter than 12/],
    [['eve'], { stdin: '' }, /no password was given/],
    [['eve'], { stdin: `${PASSWORD}\nand more` }, /several lines/],
    [['eve'], { secrets: [PASSWORD, 'another one, mistyped'] }, /not the same/],
    [['eve', '--password-file', join(directory, 'none')], {}, /cannot be read/],
  ];
  for (const [argv, input, problem] of cases) {
    const { stderr, exitCode } = await run(['users', 'add', ...argv], input);
    assert.match(stderr, problem);
    assert.match(stderr, /hint: /);
    assert.notEqual(exitCode ?? 0, 0);
  }
  assert.equal(await signIn('eve', PASSWORD), undefined);
});

test('a user is given another password, locked, unlocked and removed', async () => {
  const other = 'quite another set of words';
  await run(['users', 'passwd', 'bob'], { stdin: other });
  assert.equal(await signIn('bob', PASSWORD), undefined);
  assert.equal(await signIn('bob', other), 'bob');
  await run(['users', 'lock', 'bob']);
  assert.equal(await signIn('bob', other), undefined);
  assert.match((await run(['users', 'list'])).stdout, /^bob .* locked/m);
  await run(['users', 'unlock', 'bob']);
  assert.equal(await signIn('bob', other), 'bob');
  await run(['users', 'remove', 'bob']);
  assert.equal(await signIn('bob', other), undefined);
  const missing = await run(['users', 'remove', 'bob']);
  assert.equal(missing.exitCode, 3);
  assert.match(missing.stderr, /there is no user "bob"/);
});

test('it is switched off again', async () => {
  await run(['auth', 'disable']);
  assert.equal(json((await run(['auth', 'status', '--json'])).stdout).enabled, false);
});

test('what was done to users and keys is in the audit, with nothing of a password', async () => {
  const { rows } = await withStore(store => store.audit.list({ limit: 100, order: 'oldest' }));
  const told = rows.map(({ caller, operation, details }) => [caller, operation, details.user ?? null].join(' '));
  for (const line of [
    'local signing_keys_replace ',
    'local user_add ada',
    'local user_password bob',
    'local user_lock bob',
    'local user_unlock bob',
    'local user_remove bob',
  ])
    assert.ok(told.includes(line), `${line} in ${told.join('; ')}`);
  assert.equal(told.filter(line => line === 'local user_remove bob').length, 1);
  assert.doesNotMatch(JSON.stringify(rows), /four words|quite another/);
  assert.equal((await withStore(store => store.audit.verify())).brokenAt, null);
});
