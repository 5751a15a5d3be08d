import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../src/errors/app-error.ts';
import type { Hub } from '../../src/hub/hub.ts';
import { eventually } from './eventually.ts';
import { alice, type Bench } from './hub-under-test.ts';
import { puppetDriver } from './puppet-agent.ts';

/** For a hub that looks often. */
export const quick = { timing: { retryMs: 20, sweepMs: 50 } };

export const tool = { tool_name: 'Write', tool_input: { file_path: '/x/a', content: 'a' } };

/** A terminal of a user, as far as its hooks go. */
export function terminal({ caller = 'alice', sessionId = String(randomUUID()) } = {}) {
  const gone = new AbortController();
  const closing = new AbortController();
  const waiting = { gone: gone.signal, closing: closing.signal };
  const send = (hub: Hub, event: string, more: object = {}) =>
    hub.sessions.terminals.hear(
      { hook_event_name: event, session_id: sessionId, cwd: '/x', transcript_path: '/c/projects/-x/s.jsonl', ...more },
      caller,
      waiting,
    );
  const asks = (hub: Hub, more: object = tool) => send(hub, 'PermissionRequest', more);
  return { sessionId, gone, closing, send, asks };
}

export const pendingOf = async (hub: Hub, caller = 'alice') =>
  (await hub.sessions.permissions.list({ caller, pendingOnly: true, limit: 50 })).rows;

/** The request that waits, once it does. */
export async function pendingAt(hub: Hub, caller = 'alice') {
  await eventually(async () => (await pendingOf(hub, caller)).length === 1);
  const [request] = await pendingOf(hub, caller);
  return request ?? assert.fail('nothing waits');
}

export const stateOf = async (bench: Bench, id: string) => (await bench.store.permissions.get(id))?.state;

/** Answers as another program of the caller does. */
export async function answer(
  hub: Hub,
  request: { id: string; sessionId: string },
  {
    behavior = 'allow',
    caller = alice,
    ...more
  }: {
    behavior?: 'allow' | 'deny';
    caller?: typeof alice;
    message?: string;
    updatedInput?: { [key: string]: string };
  } = {},
) {
  const { id: requestId, sessionId } = request;
  const given = { behavior, remember: 'once' as const, ...more };
  return await hub.sessions.permissions.respond({ sessionId, requestId, answer: given }, caller);
}

/** The reply to a hook, in the words of Claude Code. */
export const decided = (decision: object) => ({ hookSpecificOutput: { hookEventName: 'PermissionRequest', decision } });

/** Such a hub, and a worker whose agents do what the test says. */
export async function stage(bench: Bench, more: Parameters<Bench['hub']>[0] = {}): Promise<{ hub: Hub }> {
  const hub = await bench.hub({ ...quick, ...more });
  await bench.worker({ driver: puppetDriver([]) });
  return { hub };
}

/** Type, state and teller of each event of a session. */
export const eventsOf = async (bench: Bench, sessionId: string) =>
  (await bench.store.events.read(`session:${sessionId}`, 0, 100)).map(({ type, body }) => [type, body.state, body.by]);

export const hasCode =
  (code: string, state?: string) =>
  (error: unknown): boolean =>
    error instanceof AppError && error.code === code && (state === undefined || error.details.state === state);
