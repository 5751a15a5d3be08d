import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { localCaller } from '../../src/auth/caller.ts';
import { uploadOf } from '../../src/operations/sessions/uploads.ts';
import { codeOf } from './compare.ts';
import { deposit, type Handles } from './handles.ts';
import { callerOf, type Json, openStage, type Stage } from './stage.ts';

const ada = callerOf('user:ada');
const eve = callerOf('user:eve', { teams: new Set(['crew']) });
const rows = (value: unknown): Json[] => (Array.isArray(value) ? value : []);

describe('what one caller shares with another', () => {
  let stage: Stage;
  let adas: Handles;
  const share = async (kind: 'workspace' | 'session', access: 'read' | 'write', to = eve.id) => {
    const args = { kind, id: kind === 'workspace' ? adas.workspace : adas.session, with: to, access };
    return String((await stage.made(ada, 'share_create', args)).share_id);
  };
  const revoke = (share_id: string) => stage.made(ada, 'share_revoke', { share_id });
  const code = async (operation: string, args: Json) => codeOf(await stage.call(eve, operation, args));

  before(async () => {
    stage = await openStage();
    adas = await deposit(stage, ada, 'adas-own');
  });
  after(() => stage.close());

  test('a workspace that is shared for reading is looked at, and not changed', async () => {
    const at = { workspace_id: adas.workspace };
    const id = await share('workspace', 'read');
    const seen = await stage.made(eve, 'workspace_get', at);
    assert.equal(seen.shared_by, ada.id);
    assert.equal((await stage.made(eve, 'fs_read', { ...at, path: 'adas-own.txt' })).content, 'adas-own');
    assert.ok(rows((await stage.made(eve, 'task_list', at)).tasks).some(({ task_id }) => task_id === adas.task));
    assert.equal(await code('task_get_result', { task_id: adas.task }), 'ok');
    assert.equal(await code('artifact_get', { artifact_id: adas.artifact }), 'ok');
    assert.equal(await code('poll_events', { stream: adas.stream, timeout_ms: 0 }), 'ok');
    assert.equal(await code('fs_write', { ...at, path: 'x', content: 'x' }), 'POLICY_DENIED');
    assert.equal(await code('run_command', { ...at, command: 'true' }), 'POLICY_DENIED');
    assert.equal(await code('workspace_restore', { checkpoint_id: adas.checkpoint }), 'POLICY_DENIED');
    assert.equal(await code('task_cancel', { task_id: adas.task }), 'POLICY_DENIED');
    await revoke(id);
    assert.equal(await code('workspace_get', at), 'WORKSPACE_NOT_FOUND');
    assert.equal(await code('task_get_result', { task_id: adas.task }), 'TASK_NOT_FOUND');
    assert.equal(await code('artifact_get', { artifact_id: adas.artifact }), 'ARTIFACT_NOT_FOUND');
  });

  test('a workspace that is shared for writing is worked in, copied, and left to its owner', async () => {
    const at = { workspace_id: adas.workspace };
    const id = await share('workspace', 'write', 'team:crew');
    const run = await stage.made(eve, 'run_command', { ...at, command: 'echo hello', idempotency_key: 'k' });
    assert.equal(run.stdout, 'hello\n');
    const { tasks } = await stage.made(ada, 'task_list', at);
    assert.ok(
      rows(tasks).some(({ task_id }) => task_id === run.task_id),
      'what is done in it is its owner’s',
    );
    const forked = await stage.made(eve, 'workspace_fork', at);
    const copy = { workspace_id: String(rows(forked.workspaces)[0]?.workspace_id) };
    const restored = await stage.made(eve, 'workspace_restore', { checkpoint_id: adas.checkpoint });
    assert.equal(await code('workspace_delete', at), 'POLICY_DENIED');
    assert.equal(
      await code('share_create', { kind: 'workspace', id: adas.workspace, with: 'x' }),
      'WORKSPACE_NOT_FOUND',
    );
    await revoke(id);
    assert.equal(await code('run_command', { ...at, command: 'true', idempotency_key: 'k' }), 'WORKSPACE_NOT_FOUND');
    assert.equal(await code('workspace_get', copy), 'ok', 'the copy is whoever’s made it');
    assert.equal(codeOf(await stage.call(ada, 'workspace_get', copy)), 'WORKSPACE_NOT_FOUND');
    for (const made of [copy, { workspace_id: restored.workspace_id }]) await stage.made(eve, 'workspace_delete', made);
  });

  test('what is shared stands in lists only when it is asked for, and says whose it is', async () => {
    const ids = [await share('workspace', 'read'), await share('session', 'read')];
    assert.deepEqual(rows((await stage.made(eve, 'workspace_list')).workspaces), []);
    assert.deepEqual(rows((await stage.made(eve, 'list_sessions')).sessions), []);
    const [workspace] = rows((await stage.made(eve, 'workspace_list', { shared: true })).workspaces);
    assert.deepEqual([workspace?.workspace_id, workspace?.shared_by], [adas.workspace, ada.id]);
    const [session] = rows((await stage.made(eve, 'list_sessions', { shared: true })).sessions);
    assert.deepEqual([session?.id, session?.sharedBy], [adas.session, ada.id]);
    const received = rows((await stage.made(eve, 'share_list', { received: true })).shares);
    assert.deepEqual(received.map(one => one.share_id).sort(), ids.toSorted());
    assert.deepEqual(rows((await stage.made(eve, 'share_list')).shares), []);
    assert.equal(await code('share_revoke', { share_id: ids[0] }), 'NOT_FOUND');
    for (const id of ids) await revoke(id);
    assert.deepEqual(rows((await stage.made(eve, 'workspace_list', { shared: true })).workspaces), []);
  });

  test('a session that is shared for reading is followed, and not directed', async () => {
    const at = { session_id: adas.session };
    const id = await share('session', 'read', 'team:crew');
    const { session } = await stage.made(eve, 'get_session', at);
    assert.equal(Object(session).sharedBy, ada.id);
    assert.equal(rows(Object(session).pendingPermissions).length, 1);
    assert.equal(rows((await stage.made(eve, 'list_permissions', at)).permissions).length, 1);
    assert.ok(rows((await stage.made(eve, 'poll_events', { ...at, timeout_ms: 0 })).events).length > 0);
    const answer = { ...at, request_id: adas.request, behavior: 'allow' };
    assert.equal(await code('respond_permission', answer), 'POLICY_DENIED');
    assert.equal(await code('send_prompt', { ...at, text: 'x' }), 'POLICY_DENIED');
    assert.equal(await code('fork_session', at), 'POLICY_DENIED');
    await revoke(id);
    for (const operation of ['get_session', 'poll_events'])
      assert.equal(await code(operation, at), 'SESSION_NOT_FOUND');
  });

  test('a session that is shared for writing is directed; a file of one caller is not attached by another', async () => {
    const at = { session_id: adas.session };
    const id = await share('session', 'write');
    await stage.made(eve, 'respond_permission', { ...at, request_id: adas.request, behavior: 'deny' });
    const theirs = [{ fileId: adas.file }];
    assert.equal(await code('send_prompt', { ...at, text: 'x', attachments: theirs }), 'FILE_NOT_FOUND');
    const file = uploadOf({ name: 'a.md', contentType: 'text/markdown', bytes: Buffer.from('a') });
    const { fileId } = await stage.made(eve, file, at);
    const sent = await stage.made(eve, 'send_and_wait', { ...at, text: '#say heard', attachments: [{ fileId }] });
    assert.ok(JSON.stringify(sent.messages).includes('heard'));
    const { sessionId } = await stage.made(eve, 'fork_session', at);
    await revoke(id);
    assert.equal(await code('send_prompt', { ...at, text: 'x' }), 'SESSION_NOT_FOUND');
    assert.equal(await code('get_session', { session_id: sessionId }), 'ok', 'the copy is whoever’s made it');
  });

  test('a poll that waits ends with the share', async () => {
    const id = await share('session', 'read');
    const { cursor } = await stage.made(eve, 'poll_events', { session_id: adas.session, timeout_ms: 0 });
    const waiting = code('poll_events', { session_id: adas.session, after: cursor, timeout_ms: 20_000 });
    await revoke(id);
    await stage.made(ada, 'rename_session', { session_id: adas.session, title: 'after that' });
    assert.equal(await waiting, 'SESSION_NOT_FOUND');
  });

  test('transcripts are of the user of the machine, until that one shares them', async () => {
    const begun = { agent: 'scripted', cwd: stage.project, prompt: '#say a word of the user' };
    const mine = String((await stage.made(localCaller, 'create_session', begun)).sessionId);
    const idle = async () =>
      Object((await stage.made(localCaller, 'get_session', { session_id: mine })).session).status;
    while ((await idle()) !== 'idle') await new Promise(setImmediate);
    const { session } = await stage.made(localCaller, 'get_session', { session_id: mine });
    const named = { session_id: String(Object(session).agentSessionId) };
    assert.equal(await code('get_session', named), 'SESSION_NOT_FOUND');
    assert.equal(
      codeOf(await stage.call(localCaller, 'get_session', { session_id: adas.agentSession })),
      'SESSION_NOT_FOUND',
    );
    const notMine = { kind: 'history', id: 'all', with: eve.id };
    assert.equal(codeOf(await stage.call(ada, 'share_create', notMine)), 'POLICY_DENIED');
    const { share_id } = await stage.made(localCaller, 'share_create', notMine);
    assert.equal(await code('get_session', named), 'ok');
    assert.equal(await code('send_prompt', { ...named, text: 'x' }), 'SESSION_NOT_FOUND');
    const { sessions } = await stage.made(eve, 'list_sessions');
    assert.ok(rows(sessions).some(({ id, sharedBy }) => id === mine && sharedBy === localCaller.id));
    assert.ok(!rows(sessions).some(({ id }) => id === adas.session || id === adas.agentSession));
    await stage.made(localCaller, 'share_revoke', { share_id });
    assert.equal(await code('get_session', named), 'SESSION_NOT_FOUND');
  });

  test('a workspace that is deleted is shared no more', async () => {
    const { workspace_id } = await stage.made(ada, 'workspace_create');
    await stage.made(ada, 'share_create', { kind: 'workspace', id: workspace_id, with: eve.id });
    await stage.made(ada, 'workspace_delete', { workspace_id });
    assert.deepEqual(rows((await stage.made(eve, 'share_list', { received: true })).shares), []);
  });
});
