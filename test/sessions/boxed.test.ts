import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { type Json, listOf, operationsAt, textsOf } from './operations.ts';

describe('sessions of the scripted agent inside workspaces, over HTTP', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let ask: ReturnType<typeof operationsAt>;

  const start = async () => {
    const root = join(scratch.path, 'project');
    server = await startServer({
      directory: join(scratch.path, 'data'),
      env: { BOXSWAIN_SESSIONS_ROOTS: root, HOME: join(scratch.path, 'home') },
    });
    ask = operationsAt(server.url);
  };
  const workspace = async (more: Json = {}): Promise<string> => {
    const made = await ask('workspace_create', { limits: { allow_soft: true }, ...more });
    assert.equal(typeof made.workspace_id, 'string', JSON.stringify(made));
    return String(made.workspace_id);
  };
  const create = async (workspace_id: string, more: Json = {}): Promise<string> => {
    const made = await ask('create_session', { workspace_id, agent: 'scripted', ...more });
    assert.equal(typeof made.sessionId, 'string', JSON.stringify(made));
    return String(made.sessionId);
  };
  const bash = (command: string) => `#tool Bash ${JSON.stringify({ command })}`;
  const outputOf = (turn: Json): string => JSON.stringify(turn.messages);
  const statusOf = async (session_id: string) => Object((await ask('get_session', { session_id })).session);

  before(async () => {
    scratch = await scratchDirectory();
    await mkdir(join(scratch.path, 'project'));
    await mkdir(join(scratch.path, 'home'));
    await start();
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  test('the agent works on the files of its workspace, and nowhere else', async () => {
    const workspace_id = await workspace();
    await ask('fs_write', { workspace_id, path: 'sub/note.txt', content: 'from outside' });
    const session_id = await create(workspace_id, { cwd: 'sub', permission_mode: 'bypassPermissions' });
    const script = [
      bash('pwd; cat note.txt; echo made > made.txt; ls /; ls -d /root /home 2>&1; true'),
      '#say done',
    ].join('\n');
    const turn = await ask('send_and_wait', { session_id, text: script });
    assert.equal(turn.ok, true, JSON.stringify(turn));
    assert.match(outputOf(turn), /\/workspace\/sub\\nfrom outside/);
    assert.match(outputOf(turn), /cannot access '\/root'/);
    const { content } = await ask('fs_read', { workspace_id, path: 'sub/made.txt' });
    assert.equal(content, 'made\n');
    // Its own things lie beside the files, and are nobody's commit.
    const { entries } = await ask('fs_list', { workspace_id, recursive: true });
    assert.deepEqual(
      listOf(entries).map(entry => entry.path),
      ['artifacts', 'sub', 'sub/made.txt', 'sub/note.txt'],
    );
  });

  test('a session inside a workspace is shown with its conversation, its place and how to go on', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say first\n#say second' });
    const { session, messages } = await ask('get_session', { session_id });
    const { workspaceId, cwd, resumeCommand, projectSlug } = Object(session);
    assert.deepEqual([workspaceId, cwd], [workspace_id, '/workspace']);
    assert.equal(resumeCommand, `boxswain sessions send ${session_id} --text 'go on'`);
    assert.equal(projectSlug, `-workspace~${workspace_id.slice(-8)}`);
    assert.ok(textsOf(messages).join().includes('first'), JSON.stringify(messages));
    const { sessions } = await ask('list_sessions', { slug: projectSlug });
    assert.deepEqual(
      listOf(sessions).map(({ id }) => id),
      [session_id],
    );
    const { agents } = await ask('list_agents_available');
    const scripted = listOf(agents).find(({ kind }) => kind === 'scripted');
    assert.equal(Object(scripted?.capabilities).inWorkspace, true);
  });

  test('runs and files go on beside an agent at work, and its turn can be stopped', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id, { permission_mode: 'bypassPermissions' });
    await ask('send_prompt', { session_id, text: bash('echo > begun; exec sleep 1000') });
    await eventually(async () => (await ask('fs_read', { workspace_id, path: 'begun' })).status === 200);
    const run = await ask('run_command', { workspace_id, command: 'echo beside > beside.txt; pgrep -c sleep' });
    assert.deepEqual([run.exit_code, run.stdout], [0, '1\n'], JSON.stringify(run));
    assert.equal((await statusOf(session_id)).status, 'running');
    assert.equal((await ask('abort_session', { session_id })).aborted, true);
    const next = await ask('send_and_wait', { session_id, text: '#say still here' });
    assert.ok(textsOf(next.messages).includes('still here'), JSON.stringify(next));
    await eventually(async () => {
      const { exit_code } = await ask('run_command', { workspace_id, command: ['pgrep', 'sleep'] });
      return exit_code === 1;
    });
  });

  test('leave is asked for inside a workspace too', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    const text = `#tool Write ${JSON.stringify({ file_path: 'asked.txt', content: 'yes' })}`;
    const turn = await ask('send_and_wait', { session_id, text });
    assert.equal(turn.waitingPermission, true, JSON.stringify(turn));
    const [request] = listOf(turn.pendingPermissions);
    const answer = { session_id, request_id: request?.requestId, behavior: 'allow' };
    assert.equal((await ask('respond_permission', answer)).ok, true);
    await eventually(async () => (await ask('fs_read', { workspace_id, path: 'asked.txt' })).content === 'yes');
  });

  test('the agent ends with its workspace, and the session says why', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id, { permission_mode: 'bypassPermissions' });
    await ask('send_prompt', { session_id, text: bash('echo > begun; setsid sleep 1000') });
    await eventually(async () => (await ask('fs_read', { workspace_id, path: 'begun' })).status === 200);
    assert.equal((await ask('workspace_delete', { workspace_id })).deleted, true);
    await eventually(async () => (await statusOf(session_id)).status === 'failed');
    assert.equal((await statusOf(session_id)).statusReason, 'The agent exited (the workspace was deleted)');
    const after = await ask('send_and_wait', { session_id, text: '#say anybody?' });
    assert.match(JSON.stringify(after), /Workspace not found/);
    assert.equal((await statusOf(session_id)).status, 'failed');
  });

  test('a session whose box died goes on in the next one, with what was said before', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say before' });
    await ask('run_command', { workspace_id, command: 'kill -9 -1' });
    await eventually(async () => (await statusOf(session_id)).status === 'failed');
    assert.match(String((await statusOf(session_id)).statusReason), /^The agent exited \(/);
    const turn = await ask('send_and_wait', { session_id, text: '#say after' });
    assert.ok(textsOf(turn.messages).includes('after'), JSON.stringify(turn));
    const { messages } = await ask('get_session', { session_id });
    assert.ok(textsOf(messages).join().includes('before'));
  });

  test('a session goes on after the server was started anew', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say before' });
    await server.stop();
    await start();
    const turn = await ask('send_and_wait', { session_id, text: '#say after' });
    assert.ok(textsOf(turn.messages).includes('after'), JSON.stringify(turn));
  });

  test('a workspace restored to a time before the session has no session to go on with, and says so', async () => {
    const workspace_id = await workspace();
    await ask('fs_write', { workspace_id, path: 'a.txt', content: 'a' });
    const { checkpoint_id } = await ask('workspace_checkpoint', { workspace_id });
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say before' });
    await ask('workspace_restore', { checkpoint_id, workspace_id });
    const turn = await ask('send_and_wait', { session_id, text: '#say after' });
    assert.match(JSON.stringify(turn), /Session not found/);
  });

  test('what a session inside a workspace cannot have is refused before anything starts', async () => {
    const workspace_id = await workspace();
    const none = 'ws_00000000000000000000000000';
    assert.equal((await ask('create_session', { workspace_id: none, agent: 'scripted' })).code, 'WORKSPACE_NOT_FOUND');
    for (const cwd of ['missing', '../..', '/etc'])
      assert.equal((await ask('create_session', { workspace_id, agent: 'scripted', cwd })).code, 'INVALID_CWD', cwd);
    const absent = await ask('create_session', { workspace_id, agent: 'gemini' });
    assert.equal(absent.code, 'AGENT_UNAVAILABLE', JSON.stringify(absent));
    const elsewhere = await ask('create_session', { workspace_id, agent: 'scripted', worker_id: 'wk_other' });
    assert.equal(elsewhere.code, 'VALIDATION_ERROR');
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say x' });
    assert.equal((await ask('fork_session', { session_id })).code, 'CAPABILITY_UNSUPPORTED');
  });
});
