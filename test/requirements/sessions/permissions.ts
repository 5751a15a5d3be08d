import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { freshProject, listOf, permissionSchema, textsOf, until } from './tools.ts';
import type { SessionSubject, SessionVerifier } from './verify.ts';

const write = (path: string) => `#tool Write ${JSON.stringify({ file_path: path, content: 'y' })}\n#result`;
const EXPIRED = 'nobody answered in time, so it was denied';

/** The one request that a turn waits for. */
function requestOf(turn: Record<string, unknown>): z.output<typeof permissionSchema> {
  const [request, ...others] = z.array(permissionSchema).parse(turn.pendingPermissions);
  assert.deepEqual(others, []);
  return request ?? assert.fail(`nothing was asked: ${JSON.stringify(turn)}`);
}

const untilIdle = (subject: Pick<SessionSubject, 'ok'>, session_id: string) =>
  until(subject, {
    tool: 'get_session',
    args: { session_id },
    isIt: ({ session }) => Object(session).status === 'idle',
  });

/** Waits for the hub to look. */
export function declareExpiry({ overRecords }: SessionVerifier): void {
  overRecords('permission.expires', async subject => {
    const { create, say, ok, fails, target } = subject;
    const cwd = await freshProject(subject);
    const session_id = await create({ cwd });
    const turn = await say(session_id, write('late.txt'));
    const { requestId: request_id, createdAt, expiresAt } = requestOf(turn);
    assert.equal(Math.round((expiresAt - createdAt) / 1000), 3600, 'of sessions.permission_timeout_seconds');
    // An hour goes by.
    await target.query('update permission set expires_at = ? where id = ?', [createdAt, request_id]);
    const { messages } = await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: output => textsOf(output.messages).includes(EXPIRED),
    });
    assert.ok(textsOf(messages).includes(EXPIRED), 'the agent was told why');
    await assert.rejects(access(join(cwd, 'late.txt')));
    const { permissions } = await ok('list_permissions', { session_id, state: 'all' });
    assert.equal(z.array(permissionSchema).parse(permissions)[0]?.state, 'expired');
    const types = ['permission_resolved'];
    const { events } = await ok('poll_events', { session_id, after: turn.cursor, types, timeout_ms: 5000 });
    const [resolved] = listOf(events).map(event => Object(event));
    const { requestId, state, by } = resolved ?? assert.fail('no end of the request was told');
    assert.deepEqual([requestId, state, by], [request_id, 'expired', 'timeout']);
    const late = await fails('respond_permission', { session_id, request_id, behavior: 'allow' });
    assert.deepEqual([late.code, late.details.state], ['PERMISSION_NOT_PENDING', 'expired']);
  });
}

export function declarePermissions({ overTwo }: SessionVerifier): void {
  overTwo('permission.remember_always', async subject => {
    const { create, say, ok } = subject;
    const cwd = await freshProject(subject);
    const first = await create({ cwd });
    const { requestId: request_id } = requestOf(await say(first, write('a')));
    const answer = { session_id: first, request_id, behavior: 'allow', remember: 'always' };
    assert.equal((await ok('respond_permission', answer)).remember, 'always');
    await untilIdle(subject, first);
    // A project is a directory on a worker.
    const { workerId: worker_id } = Object((await ok('get_session', { session_id: first })).session);
    const next = await create({ cwd, worker_id });
    assert.equal((await say(next, write('b'))).waitingPermission, false, 'the next session of the project');
    await access(join(cwd, 'b'));
    const other = await create({ cwd: await freshProject(subject), worker_id });
    assert.equal((await say(other, write('c'))).waitingPermission, true, 'not one of another');
  });

  overTwo('permission.lacks', async subject => {
    const { create, say, ok, fails, project } = subject;
    const refused = await fails('create_session', { agent: 'plain', cwd: project, permission_mode: 'plan' });
    assert.equal(refused.code, 'CAPABILITY_UNSUPPORTED');
    assert.match(refused.message, /^plain does not support /);
    const session_id = await create({ agent: 'plain' });
    const { requestId: request_id, remember, toolName } = requestOf(await say(session_id, 'ask'));
    assert.deepEqual(remember, ['once']);
    for (const lacking of [{ remember: 'always' }, { remember: 'session' }, { updated_input: { path: 'b' } }]) {
      const answer = { session_id, request_id, behavior: 'allow', ...lacking };
      const { code, message, hint } = await fails('respond_permission', answer);
      const [feature] = Object.entries(lacking).map(([name, value]) =>
        name === 'remember' ? `remember: ${String(value)} for ${toolName}` : name,
      );
      assert.deepEqual([code, message], ['CAPABILITY_UNSUPPORTED', `plain does not support ${feature}`]);
      assert.match(hint, /answer with/);
    }
    const { permissions } = await ok('list_permissions', { session_id });
    assert.equal(z.array(permissionSchema).parse(permissions)[0]?.requestId, request_id, 'it waits on');
    await ok('respond_permission', { session_id, request_id, behavior: 'allow' });
    await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: output => textsOf(output.messages).some(text => text.startsWith('answered') && text.includes('yes')),
    });
    const fork = await fails('fork_session', { session_id });
    assert.equal(fork.code, 'CAPABILITY_UNSUPPORTED');
    assert.match(fork.message, /^plain does not support /);
  });

  overTwo('permission.arguments', async ({ create, resting, say, ok, fails }) => {
    const session_id = await resting();
    const { requestId: request_id } = requestOf(await say(session_id, '#ask Write {}'));
    const named = { session_id, request_id };
    const wrong = [
      { ...named, behavior: 'allow', message: 'why' },
      { ...named, behavior: 'deny', updated_input: {} },
    ];
    for (const answer of wrong) assert.equal((await fails('respond_permission', answer)).code, 'VALIDATION_ERROR');
    const foreign = await fails('respond_permission', { ...named, session_id: await create(), behavior: 'allow' });
    assert.deepEqual([foreign.code, foreign.details.state], ['PERMISSION_NOT_PENDING', 'unknown']);
    const { permissions } = await ok('list_permissions', { session_id });
    assert.equal(listOf(permissions).length, 1, 'it waits on');
  });
}
