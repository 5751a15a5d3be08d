import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine } from '../../support/command-line.ts';
import { eventually } from '../../support/eventually.ts';
import type { CliRun, RunningServer } from '../../support/server.ts';
import type { CodegenVerifier, Grounds } from './verify.ts';

const started = (verb: 'started' | 'resumed', id: number) =>
  new RegExp(
    `^Agent run ${verb} with ID: ${id}\nStatus: active\nWeb URL: https://codegen\\.com/runs/${id}\nTask: [0-9a-f-]{36}\n$`,
  );

/** The lines of the source document, with this program in place of the earlier one. */
const documented = [
  ['new', '--repo', 'Zeeeepa/codegen.py', '--task', 'CREATE_PLAN', '--query', 'Create a comprehensive plan'],
  ['resume', '--agent_run_id', '11745', '--task', 'ANALYZE', '--query', 'Analyze frontend of the codebase'],
  ['list'],
  ['list', '--status', 'running', '--limit', '20'],
  ['list', '--repo', 'Zeeeepa/codegen.py'],
  ['logs', '--agent_run_id', '11745'],
  ['new', '--task', 'ORCHESTRATOR', '--query', 'Orchestrate a complex workflow'],
  ['new', '--task', 'CHILD', '--query', 'Perform a specific task', '--metadata', '{"orchestrator_run_id": 12345}'],
] as const;

export function declareCommands({ once }: CodegenVerifier, grounds: () => Grounds): void {
  const lineAt =
    ({ directory }: Pick<RunningServer, 'directory'>) =>
    (...words: string[]): Promise<CliRun> =>
      commandLine([...words, '--directory', directory], { env: grounds().env });

  let asked: Promise<CliRun> | undefined;
  /** Nobody is there. It is asked for again three times, which takes a while: begun early, heard late. */
  const askNobody = () => {
    const { env } = grounds();
    const gone = { ...env, CODEGEN_BASE_URL: 'http://127.0.0.1:9', BOXSWAIN_DIRECTORY: `${env.HOME}/gone` };
    asked ??= commandLine(['list', '--json'], { env: gone });
    return asked;
  };

  once('cli.documented', async ({ directory, url }) => {
    const { fake, env, begin } = grounds();
    await begin(url);
    askNobody();
    fake.runs.addRepo('Zeeeepa/codegen.py');
    fake.runs.add({ id: 11_745, status: 'COMPLETE' });
    for (const words of documented) {
      const { code, stderr } = await commandLine([...words, '--directory', directory], { env });
      assert.deepEqual([code, stderr], [0, ''], words.join(' '));
    }
    const child = fake.runs.all().find(({ metadata }) => Object(metadata).task_type === 'CHILD');
    assert.equal(Object(child?.metadata).orchestrator_run_id, 12_345);
    fake.runs.remove(12_345);
    fake.runs.change(child?.id ?? 0, { status: 'COMPLETE' });
    const words = ['codegen', 'status', '--agent-run-id', String(child?.id), '--json', '--directory', directory];
    await eventually(async () => {
      const { delivery } = JSON.parse((await commandLine(words, { env })).stdout);
      return delivery.state === 'undeliverable';
    }, 60_000);
  });

  once('cli.new', async server => {
    const { fake, begin } = grounds();
    await begin(server.url);
    fake.runs.addRepo('a/b');
    const line = lineAt(server);
    const words = ['--repo', 'a/b', '--branch', 'b', '--pr', '9', '--task', 'T', '--model', 'm', '--query', 'x'];
    const made = await line('new', ...words, '--metadata', '{"mine": [1]}', '--orchestrator_run_id', '7');
    const [run] = fake.runs.all();
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, started('started', run?.id ?? 0));
    const { task_id: _, ...metadata } = Object(run?.metadata);
    assert.deepEqual(metadata, {
      mine: [1],
      command: 'new',
      repo: 'a/b',
      branch: 'b',
      pr: 9,
      task_type: 'T',
      orchestrator_run_id: 7,
    });
    const [sent] = fake.requests.all.filter(({ kind }) => kind === 'createRun');
    assert.equal(Object(sent?.body).model, 'm');
    for (const given of ['no json', '[1]', '7']) {
      const { code } = await line('new', '--query', 'x', '--metadata', given);
      assert.equal(code, 2, given);
    }
    const waiting = line('new', '--query', 'x', '--wait');
    await eventually(() => fake.requests.count('createRun') === 2, 60_000);
    const [second] = fake.runs.all();
    fake.runs.change(second?.id ?? 0, { status: 'COMPLETE', result: 'the end' });
    const { code, stdout } = await waiting;
    assert.equal(code, 0);
    assert.match(stdout, /Status: completed\n[\s\S]*Result:\nthe end\n$/);
    const failing = line('codegen', 'new', '--query', 'x', '--wait', '--json');
    await eventually(() => fake.requests.count('createRun') === 3, 60_000);
    const [third] = fake.runs.all();
    fake.runs.change(third?.id ?? 0, { status: 'FAILED' });
    const failed = await failing;
    assert.deepEqual([failed.code, JSON.parse(failed.stdout).state], [1, 'failed']);
  });

  once('cli.resume', async server => {
    const { fake, begin } = grounds();
    await begin(server.url);
    const line = lineAt(server);
    const { id } = fake.runs.add();
    for (const [flag, group] of [
      ['--agent_run_id', []],
      ['--agent-run-id', []],
      ['--agent_run_id', ['codegen']],
    ] as const) {
      fake.runs.change(id, { status: 'COMPLETE' });
      const words = [flag, String(id), '--task', 'ANALYZE', '--query', 'x', '--metadata', '{"a":1}'];
      const { code, stdout, stderr } = await line(...group, 'resume', ...words);
      assert.equal(code, 0, stderr);
      assert.match(stdout, started('resumed', id));
    }
    const busy = await line('resume', `--agent_run_id=${id}`, '--query', 'x');
    assert.deepEqual([busy.code, busy.stdout], [5, '']);
    assert.equal(
      busy.stderr.split('\nhint: ')[0],
      `error: Agent run ${id} is not in a resumable state [RUN_NOT_RESUMABLE]\n` +
        "Current status: ACTIVE. Only agent runs with status 'COMPLETE' can be resumed.",
    );
  });

  once('cli.list', async server => {
    const { fake, begin } = grounds();
    await begin(server.url);
    const line = lineAt(server);
    const run = fake.runs.add({ metadata: { repo: 'a/b', task_type: 'T' } });
    const bare = fake.runs.add({ metadata: null, status: 'COMPLETE' });
    const { stdout } = await line('list');
    const block = (id: number, status: string, repo: string, task: string) =>
      `ID: ${id}\nStatus: ${status}\nCreated: \\S+Z\nWeb URL: \\S+/${id}\nRepository: ${repo}\nTask: ${task}`;
    assert.match(
      stdout,
      new RegExp(
        `^Found 2 agent runs:\n\n${block(bare.id, 'COMPLETE', '-', '-')}\n\n${block(run.id, 'ACTIVE', 'a/b', 'T')}\n$`,
      ),
    );
    for (const [words, id] of [
      [['--status', 'running'], run.id],
      [['--repo', 'A/B'], run.id],
      [['--limit', '1'], bare.id],
      [['--limit', '1', '--skip', '1'], run.id],
    ] as const) {
      const { items } = JSON.parse((await line('list', ...words, '--json')).stdout);
      assert.deepEqual(
        items.map((item: { id: number }) => item.id),
        [id],
      );
    }
    assert.equal((await line('list', '--limit', '0')).code, 2);
    assert.equal((await line('list', '--colour', 'red')).code, 2);
  });

  once('cli.logs', async server => {
    const { fake, begin } = grounds();
    await begin(server.url);
    const line = lineAt(server);
    const { id } = fake.runs.add();
    fake.runs.addLogs(id, { thought: 'one' }, { thought: 'two' });
    const logsOf = ({ stdout }: CliRun) => {
      const [head, ...rest] = stdout.split('\n');
      assert.equal(head, `Logs for agent run ${id}:`);
      return JSON.parse(rest.join('\n')).map(({ thought }: { thought: string }) => thought);
    };
    const flag = ['--agent_run_id', String(id)];
    assert.deepEqual(logsOf(await line('logs', ...flag)), ['one', 'two']);
    assert.deepEqual(logsOf(await line('logs', ...flag, '--reverse', '--limit', '1')), ['two']);
    assert.deepEqual(logsOf(await line('codegen', 'logs', ...flag, '--skip', '1')), ['two']);
    fake.runs.change(id, { status: 'COMPLETE' });
    const followed = await line('logs', ...flag, '--follow');
    assert.deepEqual(
      followed.stdout
        .trim()
        .split('\n')
        .slice(1)
        .map(text => JSON.parse(text).thought),
      ['one', 'two'],
    );
    assert.equal((await line('logs', '--agent_run_id', '4')).code, 3);
    const status = await line('codegen', 'status', ...flag);
    assert.match(status.stdout, new RegExp(`^Agent run: ${id}\nStatus: completed\n`));
  });

  once('cli.config', async () => {
    const { env } = grounds();
    const folder = `${env.BOXSWAIN_CONFIG_DIR}-of-cli`;
    const { BOXSWAIN_CODEGEN_API_TOKEN_FILE: _, CODEGEN_ORG_ID: __, ...rest } = env;
    const own = { ...rest, BOXSWAIN_CONFIG_DIR: folder };
    const config = (words: string[], more: Record<string, string> = {}, stdin = '') =>
      commandLine(['config', ...words], { env: { ...own, ...more }, stdin });
    assert.equal((await config(['get', 'org_id'])).code, 3);
    const set = await config(['set', 'api_token', '-'], {}, 'your_api_token\n');
    assert.deepEqual(set, { code: 0, stdout: "Configuration value 'api_token' set successfully\n", stderr: '' });
    assert.equal((await config(['get', 'api_token'])).stdout, 'api_token: your_...\n');
    assert.equal((await config(['set', 'org_id', '12'])).code, 0);
    assert.equal((await config(['set', 'org_id', 'acme'])).code, 2);
    assert.equal((await config(['set', 'base_url', 'https://codegen.example/v1'])).code, 0);
    assert.equal(
      (await config(['get', 'base_url'], { CODEGEN_BASE_URL: '' })).stdout,
      'base_url: https://codegen.example/v1\n',
    );
    // Ours wins over the earlier name, and any variable over the file.
    assert.equal((await config(['get', 'org_id'], { CODEGEN_ORG_ID: '13' })).stdout, 'org_id: 13\n');
    const both = { CODEGEN_ORG_ID: '13', BOXSWAIN_CODEGEN_ORG_ID: '14' };
    assert.equal((await config(['get', 'org_id'], both)).stdout, 'org_id: 14\n');
    assert.match(
      (await config(['set', 'org_id', '15'], both)).stdout,
      /successfully\. BOXSWAIN_CODEGEN_ORG_ID wins over it/,
    );
    for (const [name, value] of [
      ['CODEGEN_LOG_LEVEL', 'DEBUG'],
      ['CODEGEN_LOG_LEVEL', 'Debug'],
      ['BOXSWAIN_CODEGEN_LOG_LEVEL', 'debug'],
    ] as const)
      assert.equal((await config(['get', 'log_level'], { [name]: value })).stdout, 'log_level: debug\n');
    assert.equal((await config(['get', 'http.port'])).stdout, 'http.port: 4097\n');
    const grouped = await commandLine(['codegen', 'config', 'get', 'org_id', '--json'], { env: own });
    assert.deepEqual(JSON.parse(grouped.stdout), { status: 'success', key: 'org_id', value: '15' });
  });

  once('config.precedence', async () => {
    const { env } = grounds();
    const home = `${env.HOME}/earlier`;
    await mkdir(join(home, '.codegen'), { recursive: true });
    const earlier = { api_token: 'sk-fake-of-earlier', org_id: 11, base_url: 'https://earlier.example' };
    await writeFile(join(home, '.codegen', 'config.json'), JSON.stringify(earlier));
    const bare = { HOME: home, BOXSWAIN_CONFIG_DIR: join(home, 'config') };
    const get = async (key: string, more: Record<string, string> = {}) =>
      (await commandLine(['config', 'get', key], { env: { ...bare, ...more } })).stdout.trim();
    assert.equal(await get('org_id'), 'org_id: 11');
    assert.equal(await get('api_token'), 'api_token: sk-fa...');
    assert.equal(await get('base_url'), 'base_url: https://earlier.example');
    assert.equal(await get('base_url', { HOME: `${home}/nobody` }), 'base_url: https://api.codegen.com');
    await commandLine(['config', 'set', 'org_id', '12'], { env: bare });
    assert.equal(await get('org_id'), 'org_id: 12');
    assert.equal(await get('org_id', { CODEGEN_ORG_ID: '13' }), 'org_id: 13');
  });

  once('config.flags', async ({ url }) => {
    const { fake, env, begin } = grounds();
    await begin(url);
    const file = join(String(env.HOME), 'flag-token');
    await writeFile(file, 'sk-fake-of-the-flag', { mode: 0o600 });
    const wrong = { CODEGEN_API_TOKEN: 'sk-wrong', CODEGEN_ORG_ID: '1', CODEGEN_BASE_URL: 'http://127.0.0.1:9' };
    const own = { ...env, ...wrong, BOXSWAIN_DIRECTORY: `${env.HOME}/flags` };
    const flags = ['--api_token_file', file, '--org-id', fake.orgId, '--base-url', `${fake.origin}/v1`];
    const { code, stdout, stderr } = await commandLine(['list', ...flags], { env: own });
    assert.deepEqual([code, stdout], [0, 'Found 0 agent runs:\n'], stderr);
  });

  once('error.cli', async server => {
    const { fake, begin, env } = grounds();
    await begin(server.url);
    const line = lineAt(server);
    const { id } = fake.runs.add();
    const failure = (status: number) => ({ status, body: { message: 'no', status_code: status } });
    const cases = [
      [2, 'VALIDATION_ERROR', 'Missing required argument: query', ['new'], undefined],
      [2, 'VALIDATION_ERROR', 'Invalid request: ', ['list', '--repo', 'nobody'], undefined],
      [
        4,
        'AUTHENTICATION_FAILED',
        'Authentication failed. Check CODEGEN_API_TOKEN.',
        ['list'],
        ['listRuns', failure(401)],
      ],
      [1, 'PLAN_LIMIT_REACHED', 'no', ['new', '--query', 'x'], ['createRun', failure(402)]],
      [3, 'REPO_NOT_FOUND', 'Repository a/b not found', ['new', '--query', 'x', '--repo', 'a/b'], undefined],
      [3, 'AGENT_RUN_NOT_FOUND', 'Agent run 4 not found', ['logs', '--agent_run_id', '4'], undefined],
      [3, 'TASK_NOT_FOUND', 'Task t not found', ['codegen', 'status', 't'], undefined],
      [5, 'RUN_NOT_RESUMABLE', 'Agent run', ['resume', '--agent_run_id', String(id), '--query', 'x'], undefined],
      [
        7,
        'RATE_LIMITED',
        'Rate limit of codegen reached',
        ['logs', '--agent_run_id', '4'],
        ['getLogs', { status: 429, headers: { 'retry-after': '99' } }],
      ],
      [1, 'CODEGEN_API_ERROR', 'Codegen API error: 500 - no', ['list'], ['listRuns', failure(500)]],
    ] as const;
    for (const [exit, code, error, words, trouble] of cases) {
      if (trouble) fake.troubles.next(trouble[0], trouble[1]);
      const ended = await line(...words);
      assert.equal(ended.code, exit, `${words.join(' ')}: ${ended.stderr}`);
      assert.ok(ended.stderr.startsWith(`error: ${error}`), ended.stderr);
      assert.match(ended.stderr, new RegExp(`\\[${code}\\]\n[\\s\\S]*hint: .+\n$`));
      assert.equal(ended.stdout, '');
    }
    const unset = {
      ...env,
      CODEGEN_ORG_ID: '',
      BOXSWAIN_CONFIG_DIR: `${env.HOME}/none`,
      BOXSWAIN_DIRECTORY: `${env.HOME}/unset`,
    };
    const without = await commandLine(['list'], { env: unset });
    assert.equal(without.code, 7);
    assert.match(without.stderr, /^error: Organization ID not configured \[NOT_CONFIGURED\]\n.*CODEGEN_ORG_ID.*org_id/);
    const nobody = await askNobody();
    assert.equal(nobody.code, 6);
    assert.equal(JSON.parse(nobody.stderr).code, 'NETWORK_ERROR');
  });
}
