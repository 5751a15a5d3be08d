import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { type Json, listOf, operationsAt, textsOf } from '../sessions/operations.ts';
import { eventually } from '../support/eventually.ts';
import { type LocalServer, serveLocally } from '../support/local-server.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

const HOME_IN_BOX = '/env/agents/claude';
const SECRET = 'what only the host may know';
const PATIENCE_MS = 60_000;

describe('the real Claude Code inside a workspace', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let model: LocalServer;
  let other: LocalServer & { asked: string[] };
  let ask: ReturnType<typeof operationsAt>;
  let home: string;

  before(async () => {
    const { program } = await installAgent('claude');
    scratch = await scratchDirectory();
    home = join(scratch.path, 'home');
    for (const folder of [home, join(home, '.claude'), join(scratch.path, 'project')]) await mkdir(folder);
    await writeFile(join(home, 'secret.txt'), SECRET, { mode: 0o644 });
    await writeFile(join(home, '.claude/settings.json'), JSON.stringify({ env: { FROM_HOST: SECRET } }));
    model = await startScriptedModel();
    const asked: string[] = [];
    const served = await serveLocally(({ url = '' }, response) => {
      asked.push(url);
      response.end(SECRET);
    });
    other = { ...served, asked };
    const { host } = new URL(model.origin);
    const config = join(scratch.path, 'config.json');
    await writeFile(
      config,
      JSON.stringify({
        sandbox: { private_hosts: [host, new URL(other.origin).host] },
        sessions: {
          agents: { claude: { model_hosts: [host], box_env: ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY'] } },
        },
      }),
    );
    server = await startServer({
      directory: join(scratch.path, 'data'),
      env: {
        BOXSWAIN_CONFIG: config,
        BOXSWAIN_SESSIONS_ROOTS: join(scratch.path, 'project'),
        HOME: home,
        CLAUDE_BIN: program,
        ANTHROPIC_BASE_URL: model.origin,
        ANTHROPIC_API_KEY: 'dummy-key',
        OTHER_API_KEY: SECRET,
      },
    });
    ask = operationsAt(server.url);
  });
  after(async () => {
    await server.stop();
    await model.close();
    await other.close();
    await scratch.remove();
  });

  const workspace = async (): Promise<string> => {
    const made = await ask('workspace_create', { limits: { allow_soft: true } });
    assert.equal(typeof made.workspace_id, 'string', JSON.stringify(made));
    return String(made.workspace_id);
  };
  const create = async (workspace_id: string, more: Json = { permission_mode: 'bypassPermissions' }) => {
    const made = await ask('create_session', { workspace_id, agent: 'claude', ...more });
    assert.equal(typeof made.sessionId, 'string', JSON.stringify(made));
    return String(made.sessionId);
  };
  const turn = async (session_id: string, ...lines: string[]): Promise<string> => {
    const answer = await ask('send_and_wait', { session_id, text: lines.join('\n'), timeout_ms: PATIENCE_MS });
    assert.deepEqual([answer.ok, answer.timedOut], [true, false], JSON.stringify(answer));
    // Without the prompt, which names what is looked for.
    return JSON.stringify(listOf(answer.messages).slice(1));
  };
  const tool = (name: string, input: Json) => `#tool ${name} ${JSON.stringify(input)}`;
  const bash = (command: string) => tool('Bash', { command });
  /** As the machine sees them, by the mark that nothing else carries. */
  const agentsInBoxes = async (): Promise<string[]> => {
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
    const found = pids.map(async pid => {
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0');
      const isOurs =
        environment.includes(`HOME=${HOME_IN_BOX}`) && environment.includes(`ANTHROPIC_BASE_URL=${model.origin}`);
      return isOurs ? [pid] : [];
    });
    return (await Promise.all(found)).flat();
  };

  test('it works in a workspace, with its own things beside the files', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    const path = '/workspace/made.txt';
    const said = await turn(session_id, tool('Write', { file_path: path, content: 'by claude' }), '#say all done');
    assert.match(said, /all done/);
    assert.equal((await ask('fs_read', { workspace_id, path: 'made.txt' })).content, 'by claude');
    const { entries } = await ask('fs_list', { workspace_id, recursive: true });
    assert.deepEqual(
      listOf(entries).map(entry => entry.path),
      ['artifacts', 'made.txt'],
    );
    const { session, messages } = await ask('get_session', { session_id });
    assert.ok(textsOf(messages).includes('all done'), JSON.stringify(messages));
    assert.ok(Object(Object(session).usage).inputTokens > 0, JSON.stringify(session));
  });

  test('it cannot read the home of the host, nor see its environment', async () => {
    const session_id = await create(await workspace());
    const secret = join(home, 'secret.txt');
    const said = await turn(
      session_id,
      bash(`cat ${secret}; ls -la ${home} ${scratch.path}; cat /proc/1/environ; env; true`),
      tool('Read', { file_path: secret }),
      bash(
        'cat /env/agents/claude/.claude/settings.json ~/.claude/settings.json; head -c 300 /proc/[0-9]*/environ | strings; true',
      ),
      '#say looked',
    );
    assert.match(said, /looked/);
    assert.match(said, /No such file or directory/);
    // The tools did run: what the agent is given is there.
    assert.match(said, /ANTHROPIC_BASE_URL/);
    assert.ok(!said.includes(SECRET), said);
    assert.doesNotMatch(said, /OTHER_API_KEY|FROM_HOST/);
  });

  test('it reaches its model and no other host', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    const { hostname, port } = new URL(other.origin);
    const get = (url: string) =>
      `python3 -c "import urllib.request as u; print(u.urlopen('${url}', timeout=5).status)" 2>&1 | tail -1`;
    const direct = `python3 -c "import socket; socket.create_connection(('${hostname}', ${port}), 5)" 2>&1 | tail -1`;
    const said = await turn(
      session_id,
      bash(
        `${get(`${other.origin}/proxied`)}; ${direct}; ${get('http://example.com/')}; ${get(`${model.origin}/v1/models`)}`,
      ),
      '#say tried',
    );
    assert.match(said, /HTTP Error 403.*?Connection refused.*?HTTP Error 403.*?200/s);
    assert.deepEqual(other.asked, []);
    // With the agent its way out is closed.
    assert.equal((await ask('dispose_session', { session_id })).disposed, true);
    const run = await ask('run_command', {
      workspace_id,
      command: get(`${model.origin}/v1/models`),
      env: { http_proxy: 'http://127.0.0.1:3128' },
    });
    assert.match(String(run.stdout), /HTTP Error 403/);
    assert.deepEqual(
      listOf(run.network_denied).map(({ host, port: denied }) => `${host}:${denied}`),
      [new URL(model.origin).host],
    );
  });

  test('it asks for leave, and its turns can be stopped', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id, { permission_mode: 'default' });
    const asked = await ask('send_and_wait', {
      session_id,
      text: tool('Write', { file_path: '/workspace/asked.txt', content: 'leave' }),
      timeout_ms: PATIENCE_MS,
    });
    assert.equal(asked.waitingPermission, true, JSON.stringify(asked));
    const [request] = listOf(asked.pendingPermissions);
    await ask('respond_permission', { session_id, request_id: request?.requestId, behavior: 'allow' });
    await eventually(
      async () => (await ask('fs_read', { workspace_id, path: 'asked.txt' })).content === 'leave',
      PATIENCE_MS,
    );
    const statusIs = async (status: string) =>
      Object((await ask('get_session', { session_id })).session).status === status;
    await eventually(() => statusIs('idle'), PATIENCE_MS);
    await ask('send_prompt', { session_id, text: '#slow 1000 100' });
    await eventually(() => statusIs('running'), PATIENCE_MS);
    assert.equal((await ask('abort_session', { session_id })).aborted, true);
    assert.match(await turn(session_id, '#say still here'), /still here/);
  });

  test('it goes on with its conversation in the next box', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await turn(session_id, '#say before');
    await ask('run_command', { workspace_id, command: 'kill -9 -1' });
    await eventually(async () => Object((await ask('get_session', { session_id })).session).status === 'failed');
    assert.match(await turn(session_id, '#say after'), /after/);
    const { session } = await ask('get_session', { session_id });
    const transcript = `${HOME_IN_BOX}/.claude/projects/*/${Object(session).agentSessionId}.jsonl`;
    const run = await ask('run_command', {
      workspace_id,
      command: `grep -c '"text":"\\(before\\|after\\)"' ${transcript}`,
    });
    assert.equal(run.stdout, '2\n', JSON.stringify(run));
  });

  test('it is forked in its workspace, up to a message too, and both know what was said before', async () => {
    const session_id = await create(await workspace());
    await turn(session_id, '#say first');
    const { messages } = await ask('get_session', { session_id });
    await turn(session_id, '#say second');
    const said = async (id: unknown) => textsOf((await ask('get_session', { session_id: id })).messages);
    const copies = [
      [{}, ['#say first', 'first', '#say second', 'second']],
      [{ at_message_id: listOf(messages).at(-1)?.id }, ['#say first', 'first']],
    ] as const;
    for (const [at, before] of copies) {
      const forked = await ask('fork_session', { session_id, ...at });
      assert.equal(forked.forkedFrom, session_id, JSON.stringify(forked));
      assert.deepEqual(await said(forked.sessionId), before);
      // The model is given what the transcript holds.
      assert.match(await turn(String(forked.sessionId), '#recall'), new RegExp(before.at(-2) ?? ''));
      assert.equal((await said(forked.sessionId)).length, before.length + 2);
    }
    assert.equal((await said(session_id)).length, 4, 'the original is as it was');
  });

  test('it cannot outlive its workspace', async () => {
    const others = new Set(await agentsInBoxes());
    const running = async () => (await agentsInBoxes()).filter(pid => !others.has(pid));
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await ask('send_prompt', { session_id, text: bash('echo > begun; (setsid sleep 1000 &); sleep 1000') });
    await eventually(async () => (await ask('fs_read', { workspace_id, path: 'begun' })).status === 200, PATIENCE_MS);
    // The agent, its shell, and what left its group; they begin after what tells of them.
    await eventually(async () => (await running()).length >= 3, PATIENCE_MS);
    assert.equal((await ask('workspace_delete', { workspace_id })).deleted, true);
    assert.deepEqual(await running(), []);
    await eventually(async () => Object((await ask('get_session', { session_id })).session).status === 'failed');
    const { statusReason } = Object((await ask('get_session', { session_id })).session);
    assert.equal(statusReason, 'The agent exited (the workspace was deleted)');
  });
});
