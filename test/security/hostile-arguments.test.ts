import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { allOperations, operatorOperations } from '../../src/operations/registry.ts';
import { type Answer, api } from '../http/clients.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

/** What no command line may ever make, on the machine or in a box. */
const MADE = 'PWNED';
/** Whatever a shell would take for more than text. */
const SHELL_WORDS = [
  ...[`$(touch ${MADE})`, `\`touch ${MADE}\``, `x; touch ${MADE}`, `x && touch ${MADE} #`, `x | touch ${MADE}`],
  ...[`x\ntouch ${MADE}\n`, `'; touch ${MADE}; '`, `"; touch ${MADE}; "`, `>${MADE}`, `\${IFS}touch\${IFS}${MADE}`],
];
/** What a program would take for an option of its own. */
const OPTIONS = [`--upload-pack=touch ${MADE}`, `-c core.sshCommand=touch ${MADE}`, `--exec=touch ${MADE}`, '-h'];

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
let repositories: GitServer;
let workspace_id: string;
let projects: string;

before(async () => {
  scratch = await scratchDirectory();
  repositories = await startGitServer();
  const [home, config] = [join(scratch.path, 'home'), join(scratch.path, 'config.json')];
  projects = join(scratch.path, 'projects');
  for (const folder of [home, projects]) await mkdir(folder);
  const { host } = new URL(repositories.url('normal.git'));
  const sandbox = { git: { allow_http: true }, private_hosts: [host] };
  await writeFile(config, JSON.stringify({ sandbox, sessions: { agents: { scripted: {} } } }));
  server = await startServer({
    directory: join(scratch.path, 'data'),
    args: ['--config', config],
    env: { HOME: home, CLAUDE_BIN: await writeRecordingAgent(), BOXSWAIN_SESSIONS_ROOTS: projects },
  });
  workspace_id = z.string().parse((await call('workspace_create', {})).body.workspace_id);
});
after(async () => {
  await server?.stop();
  await repositories?.close();
  await scratch.remove();
});

const call = (operation: string, args: object): Promise<Answer> =>
  api(server.url, `POST /api/operations/${operation}`, args);
const inWorkspace = (operation: string, args: object) => call(operation, { workspace_id, ...args });
const shell = async (command: string): Promise<string> =>
  z.looseObject({ stdout: z.string() }).parse((await inWorkspace('run_command', { command })).body).stdout;

/** Stands for an agent's program: writes down the words of its command line, and ends. */
async function writeRecordingAgent(): Promise<string> {
  const program = join(scratch.path, 'claude');
  const record = `printf '%s\\0' "$@" END >> '${join(scratch.path, 'words')}'`;
  await writeFile(program, `#!/bin/sh\n[ "$1" = agents ] && echo '[]' && exit 0\n${record}\nexit 1\n`, { mode: 0o755 });
  return program;
}

/** Nothing was made, neither in the box nor where the server and its agents work. */
async function nothingWasMade(what: string): Promise<void> {
  const inBox = await shell(
    `find / -xdev -name ${MADE} -not -path '/proc/*' 2>/dev/null; find /env /tmp -name ${MADE} 2>/dev/null`,
  );
  assert.equal(inBox, '', what);
  assert.equal(existsSync(MADE), false, what);
  const made = await readdir(scratch.path, { recursive: true });
  assert.deepEqual(
    made.filter(path => path.split('/').at(-1) === MADE),
    [],
    what,
  );
}

describe('shell metacharacters', () => {
  test('in the URL of a repository are part of an address, or refused', async () => {
    const address = repositories.url('normal.git');
    const { origin } = new URL(address);
    const urls = [
      ...SHELL_WORDS.flatMap(word => [`${address}${word}`, `${origin}/${word}/normal.git`, word]),
      ...OPTIONS,
      ...[`ext::sh -c touch% ${MADE}`, `file:///etc`, `ssh://-oProxyCommand=touch%20${MADE}/x`],
      ...[`http://-oProxyCommand=touch ${MADE}/x`, `${origin}/normal.git --upload-pack=touch`],
    ];
    for (const [at, url] of urls.entries()) {
      const { status } = await inWorkspace('git_clone', { url, path: `clone-${at}` });
      assert.ok(status >= 400 && status < 500, `${url}: ${status}`);
    }
    await nothingWasMade('urls');
  });

  test('in a branch or a folder to clone into name just that', async () => {
    const url = repositories.url('normal.git');
    for (const branch of [...SHELL_WORDS, ...OPTIONS]) {
      const { status, body } = await inWorkspace('git_clone', { url, branch, path: 'never' });
      assert.ok(status >= 400 && status < 500, `${branch}: ${status} ${JSON.stringify(body)}`);
    }
    for (const path of [SHELL_WORDS[0], SHELL_WORDS[6], OPTIONS[0]]) {
      const { status, body } = await inWorkspace('git_clone', { url, path });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.path, path);
    }
    await nothingWasMade('branches');
  });

  test('in messages, authors and paths of a commit are written down as they are', async () => {
    await shell('git init --quiet --initial-branch=main commits');
    for (const [at, text] of [...SHELL_WORDS, ...OPTIONS].entries()) {
      const name = text.replace(/[\n\0<>/]/g, ' ');
      const written = await inWorkspace('fs_write', { path: `commits/${at}-${name}`, content: 'x' });
      assert.equal(written.status, 200, JSON.stringify(written.body));
      const add = [`${at}-${name}`];
      const args = { path: 'commits', message: text, author_name: name, author_email: `${name}@x`, add };
      const { status, body } = await inWorkspace('git_commit', args);
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.files_changed, 1);
      assert.equal((await shell('git -C commits log -1 --format=%B')).trimEnd(), text.trimEnd());
    }
    await nothingWasMade('commits');
  });

  test('in names of packages and indexes are refused before anything is run', async () => {
    for (const manager of ['python', 'node']) {
      for (const text of [...SHELL_WORDS, ...OPTIONS, `a[${SHELL_WORDS[0]}]`, `a==1;${SHELL_WORDS[2]}`]) {
        const { status, body } = await inWorkspace('pkg_install', { manager, packages: [text] });
        assert.deepEqual([status, body.code], [400, 'VALIDATION_ERROR'], text);
        const index = await inWorkspace('pkg_install', { manager, packages: ['a'], index_url: `https://x/${text}` });
        assert.deepEqual([index.status, index.body.code], [403, 'INDEX_NOT_ALLOWED'], text);
      }
    }
    await nothingWasMade('packages');
  });

  test('in filters and paths of tests reach the runner as single words', async () => {
    const code = 'import unittest\nclass T(unittest.TestCase):\n  def test_it(self): pass\n';
    for (const text of [SHELL_WORDS[0] ?? '', SHELL_WORDS[2] ?? '', SHELL_WORDS[6] ?? '']) {
      const path = `tests ${text.replace(/[\n/]/g, ' ')}`;
      await inWorkspace('fs_write', { path: `${path}/test_it.py`, content: code });
      const filtered = await inWorkspace('test_run', { framework: 'unittest', args: ['-k', text], path });
      // Nothing has such a name.
      assert.equal(filtered.body.total ?? 0, 0, JSON.stringify(filtered.body));
      const all = await inWorkspace('test_run', { framework: 'unittest', path });
      assert.deepEqual([all.body.total, all.body.passed], [1, 1], JSON.stringify(all.body));
    }
    await inWorkspace('lint_check', { paths: SHELL_WORDS });
    await nothingWasMade('tests');
  });

  test('in options of agents reach the program as single words, and none becomes an option', async () => {
    const cwd = join(projects, SHELL_WORDS[0] ?? '');
    await mkdir(cwd);
    const create = (model: string, prompt = 'go') => call('create_session', { agent: 'claude', cwd, model, prompt });
    const models = SHELL_WORDS.filter(word => !word.includes('\n'));
    for (const model of models) {
      const { status, body } = await create(model, model);
      assert.deepEqual([status, body.code], [503, 'AGENT_UNAVAILABLE'], JSON.stringify(body));
    }
    const words = (await readFile(join(scratch.path, 'words'), 'utf8')).split('\0');
    for (const model of models) assert.ok(words.includes(`--model=${model}`), `${model} in ${words.join(' | ')}`);
    for (const model of [...OPTIONS, '--dangerously-skip-permissions', SHELL_WORDS[5] ?? ''])
      assert.deepEqual((await create(model)).body.code, 'VALIDATION_ERROR', model);
    await nothingWasMade('agents');
  });
});

/** Longer than any of these takes; where an expression explodes, it is never over. */
const WAIT_MS = 15_000;
const LENGTH = 100_000;
const BOMBS: readonly string[] = [
  `${'a'.repeat(LENGTH)}!`,
  `${' '.repeat(LENGTH)}x`,
  `a${'/-'.repeat(LENGTH / 2)}`,
  `http://${'a.@'.repeat(LENGTH / 3)}!`,
  `${'a>=1, '.repeat(LENGTH / 6)}~`,
];

describe('exploding regular expressions', () => {
  const objectSchema = z.object({ properties: z.record(z.string(), z.unknown()) });
  const isText = (schema: unknown) =>
    /"type":"string"/.test(JSON.stringify(schema)) || !/"type"/.test(JSON.stringify(schema));

  test('are in no argument of any operation: texts of any length are judged, and the server lives on', async () => {
    for (const { name, input } of [...allOperations, ...operatorOperations]) {
      const { properties } = objectSchema.parse(z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }));
      const texts = Object.keys(properties).filter(key => isText(properties[key]));
      if (texts.length === 0) continue;
      for (const bomb of BOMBS) {
        const args = Object.fromEntries(texts.map(key => [key, bomb.slice(-Math.floor(4_000_000 / texts.length))]));
        const response = await fetch(new URL(`/api/operations/${name}`, server.url), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(args),
          signal: AbortSignal.timeout(WAIT_MS),
        });
        await response.arrayBuffer();
        assert.ok(response.status < 500, `${name}: ${response.status}`);
      }
    }
    assert.equal((await api(server.url, 'GET /healthz')).status, 200);
  });

  test('are none of the masks of a listing, whatever the names', async () => {
    const names = ['a'.repeat(250), `${'ab'.repeat(120)}`, '('.repeat(200), '[a-a]'.repeat(40)];
    for (const name of names) await inWorkspace('fs_write', { path: `masks/${name}`, content: '' });
    const masks = [
      ...[`${'*a'.repeat(100)}*b`, `${'a*'.repeat(500)}!`, `${'?*'.repeat(400)}!`, `${'**/'.repeat(300)}x`],
      ...['(a+)+$', '[[:alpha:]]'.repeat(50), `${'[a-z]*'.repeat(100)}!`, '{a,b}'.repeat(100)],
    ];
    for (const glob of masks) {
      const response = await fetch(new URL('/api/operations/fs_list', server.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ workspace_id, path: 'masks', recursive: true, glob }),
        signal: AbortSignal.timeout(WAIT_MS),
      });
      assert.ok([200, 400].includes(response.status), `${glob}: ${response.status} ${await response.text()}`);
    }
  });

  test('are none of what is searched for in sessions, projects and records', async () => {
    const queries = [
      ...['(a+)+$', '"'.repeat(500), `${'a"b" '.repeat(100)}`, `${'a*'.repeat(250)}`, `${'a b '.repeat(125)}`],
      ...[`"${'a '.repeat(240)}"`, '%'.repeat(500), '_%'.repeat(250), `${'\\'.repeat(500)}`],
    ];
    const prompt = `${'a '.repeat(50_000)}${'a'.repeat(100_000)}!`;
    const cwd = join(projects, 'searched');
    await mkdir(cwd);
    const created = await call('create_session', { agent: 'scripted', cwd, title: 'a'.repeat(1000), prompt });
    assert.equal(created.status, 200, JSON.stringify(created.body));
    for (const query of queries) {
      for (const operation of ['search_sessions', 'list_sessions', 'list_projects']) {
        const response = await fetch(new URL(`/api/operations/${operation}`, server.url), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query }),
          signal: AbortSignal.timeout(WAIT_MS),
        });
        assert.ok([200, 400].includes(response.status), `${operation}: ${response.status} ${await response.text()}`);
      }
    }
  });
});
