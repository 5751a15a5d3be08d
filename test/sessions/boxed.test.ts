import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { type Json, listOf, operationsAt, textsOf } from './operations.ts';

const SECRET = 'swordfish-7-trombone';

describe('sessions of the scripted agent inside workspaces, over HTTP', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let ask: ReturnType<typeof operationsAt>;

  const start = async () => {
    const root = join(scratch.path, 'project');
    server = await startServer({
      directory: join(scratch.path, 'data'),
      env: {
        BOXSWAIN_SESSIONS_ROOTS: root,
        BOXSWAIN_SANDBOX_SECRETS_DIRECTORY: join(scratch.path, 'secrets'),
        HOME: join(scratch.path, 'home'),
      },
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
    for (const name of ['home', 'secrets']) await mkdir(join(scratch.path, name));
    await writeFile(join(scratch.path, 'secrets/deploy'), SECRET, { mode: 0o600 });
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
  });

  test('a session inside a workspace forks there, whole or up to a message; both go on by themselves', async () => {
    const workspace_id = await workspace();
    const session_id = await create(workspace_id);
    await ask('send_and_wait', { session_id, text: '#say one' });
    const { messages } = await ask('get_session', { session_id });
    await ask('send_and_wait', { session_id, text: '#say two' });
    const whole = await ask('fork_session', { session_id, title: 'A copy' });
    const at_message_id = listOf(messages).at(-1)?.id;
    const early = await ask('fork_session', { session_id, at_message_id });
    assert.deepEqual([whole.forkedFrom, early.forkedFrom, early.atMessageId], [session_id, session_id, at_message_id]);
    const said = async (id: unknown) => textsOf((await ask('get_session', { session_id: id })).messages);
    const [one, two] = [
      ['#say one', 'one'],
      ['#say two', 'two'],
    ];
    assert.deepEqual(await said(whole.sessionId), [...one, ...two]);
    assert.deepEqual(await said(early.sessionId), one);
    const shown = await statusOf(String(whole.sessionId));
    assert.deepEqual([shown.status, shown.workspaceId, shown.title], ['parked', workspace_id, 'A copy']);
    // Each knows what was said up to where it was copied, and nothing of the others.
    await ask('send_and_wait', { session_id, text: '#say original' });
    const turn = await ask('send_and_wait', { session_id: early.sessionId, text: '#recall' });
    assert.deepEqual(textsOf(turn.messages), ['#recall', '#say one'], JSON.stringify(turn));
    assert.deepEqual(await said(early.sessionId), [...one, '#recall', '#say one']);
    const again = await ask('fork_session', { session_id: early.sessionId });
    assert.deepEqual(await said(again.sessionId), [...one, '#recall', '#say one'], 'a copy of a copy');
    assert.deepEqual(await said(session_id), [...one, ...two, '#say original', 'original']);
    const unknown = await ask('fork_session', { session_id, at_message_id: 'no such message' });
    assert.equal(unknown.code, 'VALIDATION_ERROR', JSON.stringify(unknown));
  });

  test('what an agent says is told without the secrets of its workspace, in pieces too', async () => {
    const workspace_id = await workspace({ env: { DEPLOY_KEY: 'secret:deploy' } });
    const session_id = await create(workspace_id);
    const { cursor } = await ask('send_prompt', {
      session_id,
      text: `#say I know ${SECRET} well\n#title about ${SECRET}`,
    });
    // A tool that prints it, asks leave with it, and fails with it.
    const asked = await ask('send_and_wait', {
      session_id,
      text: `${bash(`echo $DEPLOY_KEY; echo ${SECRET} >&2`)}\n#result`,
    });
    const [request] = listOf(asked.pendingPermissions);
    await ask('respond_permission', { session_id, request_id: request?.requestId, behavior: 'allow' });
    await eventually(async () => (await statusOf(session_id)).status === 'idle');
    await ask('send_and_wait', { session_id, text: `#fail no ${SECRET}` });
    const told = JSON.stringify([
      await ask('get_session', { session_id }),
      await ask('poll_events', { session_id, after: cursor, max_events: 1000 }),
      await ask('list_permissions', { session_id, state: 'all' }),
    ]);
    assert.ok(!told.includes(SECRET), told);
    assert.match(told, /I know \[secret:deploy\] well/);
    assert.match(told, /about \[secret:deploy\]/);
    assert.match(told, /no \[secret:deploy\]/);
    const { events } = await ask('poll_events', { session_id, after: cursor, types: ['message.part.delta'] });
    assert.match(
      listOf(events)
        .map(({ delta }) => delta)
        .join(''),
      /^I know \[secret:deploy\] well\[secret:deploy\]\n/,
    );
  });
});
