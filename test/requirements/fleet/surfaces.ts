import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once as happened } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { configKeys } from '../../../src/config/keys.ts';
import { commandLine } from '../../support/command-line.ts';
import { eventually } from '../../support/eventually.ts';
import { cleanEnvironment, mainFile } from '../../support/server.ts';
import { untilWatched } from './events.ts';
import { idsOf, type FleetVerifier, type Grounds, stateOf } from './verify.ts';
import { type Json, listOf } from '../callers.ts';
import { operate } from '../../support/operations-api.ts';

export function declareSurfaces({ once }: FleetVerifier, grounds: () => Grounds): void {
  once('http.routes', async ({ url }) => {
    const { coder, newUser } = grounds();
    const user = newUser();
    const http = async (method: string, path: string, body?: Json): Promise<[status: number, body: Json]> => {
      const headers = { 'content-type': 'application/json' };
      const sent = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
      const response = await fetch(`${url}${path}`, sent);
      return [response.status, Object(await response.json())];
    };
    const create = { user, workspace_name: `routed-${user}`, prompt: 'go', template_name: 'python-dev' };
    const [created, made] = await http('POST', '/api/agents', create);
    assert.deepEqual([created, made.delivery], [201, 'created']);
    const task = coder.fleet.tasks.at(-1) ?? assert.fail('no task was made');
    Object.assign(task, { status: 'active', lifecycle: 'ready', healthy: true, state: stateOf('idle') });
    const at = `/api/agents/${task.id}`;
    // Another hub hears a moment later that there is one more.
    await eventually(async () => {
      const [listed, list] = await http('GET', `/api/agents?user=${user}&status=all&limit=5`);
      assert.equal(listed, 200);
      return list.total_count === 1 && idsOf(list)[0] === task.id;
    });
    const [shown, one] = await http('GET', `${at}?user=${user}&include_logs=true`);
    assert.deepEqual([shown, Object(one.data).id, one.logs], [200, task.id, []]);
    assert.deepEqual((await http('GET', `${at}/logs?user=${user}&limit=5&level=info`))[0], 200);
    const [accepted, sent] = await http('POST', `${at}/input`, { user, input_text: 'go on' });
    assert.deepEqual([accepted, Object(sent.data).status], [202, 'sent']);
    assert.equal((await http('POST', `${at}/interrupt`, { user }))[1].code, 'CAPABILITY_UNSUPPORTED');
    assert.deepEqual([(await http('POST', `${at}/pause`, { user }))[0], task.status], [202, 'paused']);
    assert.deepEqual([(await http('POST', `${at}/resume`, { user }))[0], task.status], [202, 'initializing']);
    const chat = coder.fleet.addChat({ owner: user, status: 'running' });
    assert.equal((await http('POST', `/api/agents/${chat.id}/interrupt`, { user }))[0], 202);
    assert.equal(chat.status, 'waiting');
    const [counted, status] = await http('GET', '/api/fleet/status?provider=coder');
    assert.deepEqual([counted, typeof status.total_agents], [200, 'number']);
    const [deleted, gone] = await http('DELETE', `/api/agents/workspaces/${task.workspaceId}`);
    assert.deepEqual([deleted, gone.message], [202, `Workspace ${task.workspaceId} deletion initiated`]);
    const [refused, error] = await http('GET', '/api/agents?status=sleeping');
    assert.deepEqual([refused, error.code], [400, 'VALIDATION_ERROR']);
  });

  once('http.events', async ({ url }) => {
    const ending = new AbortController();
    const stream = await fetch(`${url}/api/events?stream=fleet&severity_min=info`, { signal: ending.signal });
    assert.equal(stream.status, 200);
    assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/);
    ending.abort();
  });

  once('cli.verbs', async server => {
    const { coder, newUser, line } = grounds();
    const user = newUser();
    const task = coder.fleet.addTask({ owner: user, name: `cli-${user}` });
    const fleet = async (...words: string[]) => {
      const { code, stdout, stderr } = await line(server, ...words, '--json');
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      return Object(JSON.parse(stdout));
    };
    const made = ['--workspace', `more-${user}`, '--prompt', 'go', '--template', 'python-dev'];
    const created = await fleet('create', '--user', user, ...made, '--param', 'cpus=2', '--param', 'disk=9');
    assert.equal(created.delivery, 'created');
    const order = coder.changes().findLast(({ pathname }) => pathname.endsWith('/workspaces'));
    assert.deepEqual(Object(order?.body).rich_parameter_values.slice(0, 2), [
      { name: 'cpus', value: '2' },
      { name: 'disk', value: '9' },
    ]);
    const list = ['list', '--all', '--user', user, '--provider', 'coder', '--status', 'idle'];
    assert.deepEqual(idsOf(await fleet(...list)), [task.id]);
    assert.equal(typeof (await fleet('status')).fleet_utilization, 'number');
    assert.ok(Array.isArray((await fleet('show', task.id, '--user', user, '--logs')).logs));
    assert.equal((await fleet('send', task.id, 'run the tests', '--user', user)).data.status, 'sent');
    const since = ['--since', '2026-01-01T00:00:00Z'];
    const { data } = await fleet('logs', task.id, '--user', user, '--limit', '5', '--level', 'info', ...since);
    assert.deepEqual(
      listOf(data).map(({ message }) => message),
      ['run the tests'],
    );
    assert.equal((await fleet('pause', task.id, '--user', user)).data.status, 'stopped');
    await fleet('resume', task.id, '--user', user);
    assert.equal(task.status, 'initializing');
    const chat = coder.fleet.addChat({ owner: user, status: 'running' });
    assert.equal((await fleet('interrupt', chat.id)).data.status, 'idle');
    const unasked = await line(server, 'delete', task.workspaceId ?? '');
    assert.deepEqual([unasked.code, unasked.stderr.includes('--yes')], [2, true]);
    assert.equal((await fleet('delete', task.workspaceId ?? '', '--yes')).success, true);
  });

  once('cli.follow', async ({ directory, url }) => {
    const { coder, newUser } = grounds();
    const line = (content: string) => ({
      id: task.logs.length,
      content,
      time: '2026-03-01T12:00:00Z',
      type: 'output' as const,
    });
    const task = coder.fleet.addTask({ owner: newUser(), logs: [] });
    task.logs.push(line('first'));
    await using follower = reading(['logs', task.id, '--user', task.owner, '--follow'], directory);
    assert.match(await follower.next(), /^2026-03-01T12:00:00Z info first$/);
    task.logs.push(line('second'));
    assert.match(await follower.next(), /second$/);
    await untilWatched({ coder, ok: (name: string, args: Json) => operate(url, name, args) });
    const fresh = coder.fleet.addTask({ owner: newUser() });
    await using watcher = reading(['watch', '--agent-ids', fresh.id, '--json'], directory);
    const event = Object(JSON.parse(await watcher.next()));
    assert.deepEqual([event.stream, event.agentId, event.type], ['fleet', fresh.id, 'agent_connected']);
  });

  once('configuration.keys', async ({ directory }) => {
    const defaults = {
      'coder.url': undefined,
      'coder.token_file': undefined,
      'coder.timeout_seconds': 30,
      'coder.max_retries': 3,
      'coder.api': 'auto',
      'coder.create': 'tasks',
      'coder.default_template': undefined,
      'fleet.watch': false,
      'fleet.capacity_threshold': 0.9,
      'fleet.conflict_window_seconds': 30,
    };
    for (const [path, usual] of Object.entries(defaults)) {
      const key = configKeys.find(known => known.path === path) ?? assert.fail(path);
      assert.deepEqual([key.defaultValue, key.variable], [usual, `BOXSWAIN_${path.replace('.', '_').toUpperCase()}`]);
    }
    const file = join(directory, 'variables.env');
    await writeFile(
      file,
      'CODER_URL=coder.example.com/\nCODER_TIMEOUT=7\nCODER_MAX_RETRIES=1\nCODER_SESSION_TOKEN=a-token-of-a-file\n',
    );
    const words = ['config', 'list', '--json', '--env-file', file, '--directory', directory];
    const env = { HOME: directory, BOXSWAIN_CODER_TIMEOUT: '9', CODER_MAX_RETRIES: '2' };
    const { stdout } = await commandLine(words, { env });
    const { values } = Object(JSON.parse(stdout));
    assert.deepEqual(
      ['url', 'timeout_seconds', 'max_retries', 'session_token'].map(name => values[`coder.${name}`]),
      ['https://coder.example.com', '9', '2', 'a-tok...'],
      'a scheme is put in front, the environment wins, the token is not shown',
    );
  });
}

interface Reader extends AsyncDisposable {
  /** The next line. */
  next(): Promise<string>;
}

/** A command that goes on until it is interrupted. */
function reading(words: readonly string[], directory: string): Reader {
  const child: ChildProcess & { stdout: NodeJS.ReadableStream } = spawn(
    process.execPath,
    [mainFile, 'fleet', ...words, '--directory', directory],
    { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await lines.next();
      return done === true ? assert.fail('it ended') : String(value);
    },
    async [Symbol.asyncDispose]() {
      const ended = happened(child, 'exit');
      child.kill('SIGINT');
      await ended;
    },
  };
}
