import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startFakeCodegen } from '../support/fake-codegen/fake-codegen.ts';
import { startFakeCoder } from '../support/fake-coder/fake-coder.ts';
import { serveLocally } from '../support/local-server.ts';
import { runCli } from '../support/server.ts';
import { mcpMessage, sessionServer } from '../support/session-server.ts';

const LIST = 'get /api/v2/tasks';
const SEND = 'post /api/v2/tasks/{user}/{task}/send';

test('failure 12: no token in output, logs, records, audit, arguments or environments of processes, nor after a redirect', async () => {
  const coder = await startFakeCoder({ token: 'coder-secret-4f9d1c' });
  const codegen = await startFakeCodegen({ token: 'codegen-secret-7b2e0a' });
  const elsewhere: string[] = [];
  const other = await serveLocally((request, response) => {
    elsewhere.push(JSON.stringify(request.headers));
    response.end('{}');
  });
  const tokens = [coder.token, codegen.token];
  const assertClean = (text: string, where: string) => {
    for (const token of tokens) assert.ok(!text.includes(token), `${where}: …${around(text, token)}…`);
  };
  try {
    await using server = await sessionServer({
      env: {
        BOXSWAIN_LOG_LEVEL: 'debug',
        CODER_URL: coder.origin,
        CODER_SESSION_TOKEN: coder.token,
        CODER_MAX_RETRIES: '0',
        CODEGEN_API_TOKEN: codegen.token,
        CODEGEN_ORG_ID: codegen.orgId,
        CODEGEN_BASE_URL: codegen.origin,
      },
    });
    const { ask, http, project } = server;
    const said: unknown[] = [];
    const hear = async (tool: string, args: object = {}) => {
      const answer = await ask(tool, { ...args });
      said.push(answer);
      return answer;
    };
    const { id: agent_id } = coder.fleet.addTask();
    const input = { agent_id, input_text: 'hello', idempotency_key: 'k' };
    await hear('send_input_to_agent', input);
    await hear('list_all_agents', { include_inactive: true });
    await hear('codegen_new', { query: 'build', idempotency_key: 'k' });
    const template = { template_name: 'python-dev', workspace_name: 'new-one', idempotency_key: 'k' };
    await hear('create_new_agent_task', { prompt: 'go', ...template });
    // A service that repeats what it was sent, and one that sends its callers elsewhere.
    for (const status of [400, 401, 409, 500]) {
      coder.next(SEND, { status, body: { message: `your token ${coder.token} is not liked` } });
      await hear('send_input_to_agent', { agent_id, input_text: `again ${status}` });
    }
    codegen.troubles.next('listRuns', { status: 500, body: { message: `Bearer ${codegen.token}`, status_code: 500 } });
    await hear('codegen_list');
    coder.next(LIST, { status: 302, headers: { location: `${other.origin}/api/v2/tasks` } });
    await hear('list_all_agents', { provider: 'coder' });
    const message = { method: 'tools/call', params: { name: 'get_agent_details_by_id', arguments: { agent_id: 'x' } } };
    said.push((await mcpMessage(server.url, message)).answer);
    const { code, ...printed } = await runCli(['fleet', 'show', agent_id, '--directory', server.server.directory]);
    assert.equal(code, 0, printed.stderr);
    said.push(
      printed,
      (await http('GET', '/api/health/details')).body,
      await (await fetch(`${server.url}/metrics`)).text(),
    );
    assert.deepEqual(elsewhere, [], 'a redirect to another host is not followed');

    // What it starts: a box with something that runs in it, and an agent.
    const { workspace_id } = await hear('workspace_create');
    const { task_id } = await hear('run_command', { workspace_id, command: 'env; sleep 60', wait_seconds: 0 });
    const { sessionId } = await hear('create_session', { cwd: project, agent: 'scripted', prompt: '#slow 400 50' });
    await eventually(async () => (await ask('task_get_status', { task_id })).status === 'running');
    await eventually(
      async () => Object((await ask('get_session', { session_id: sessionId })).session).status === 'running',
    );
    const started = await descendantsOf(server.server.child.pid ?? 0);
    assert.ok(started.length > 1, 'a box is there');
    for (const pid of started)
      for (const file of ['cmdline', 'environ']) assertClean(await fileOf(pid, file), `${file} of ${pid}`);
    for await (const path of glob('/proc/[0-9]*/cmdline'))
      assertClean(await readFile(path, 'utf8').catch(() => ''), path);
    await hear('task_cancel', { task_id });
    await hear('task_get_result', { task_id });

    for (const answer of said) assertClean(JSON.stringify(answer), 'an answer');
    assertClean(server.server.log(), 'the log');
    assert.ok(server.server.log().length > 1000, 'it was told what happened');
    let files = 0;
    for await (const path of glob('**/records.db*', { cwd: server.server.directory })) {
      files += 1;
      assertClean(await readFile(join(server.server.directory, path), 'latin1'), path);
    }
    assert.ok(files > 0, 'audit, events and results are in the records');
  } finally {
    await other.close();
    await codegen.close();
    await coder.close();
  }
});

const around = (text: string, token: string): string => {
  const at = text.indexOf(token);
  return text.slice(Math.max(0, at - 80), at).replaceAll('\0', ' ');
};

const fileOf = (pid: number, name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');

/** All that this process has started, and what they have. */
async function descendantsOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for await (const path of glob('/proc/[0-9]*/stat')) {
    const [, pid, parent] = /^(\d+) \(.*\) \S (\d+) /s.exec(await readFile(path, 'utf8').catch(() => '')) ?? [];
    if (pid !== undefined && parent !== undefined) parents.set(Number(pid), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}
