import assert from 'node:assert/strict';
import { z } from 'zod';
import { eventually } from '../../support/eventually.ts';
import { listOf, textsOf } from './tools.ts';
import type { SessionSubject, SessionVerifier } from './verify.ts';

const DAYS_8 = 8 * 24 * 60 * 60 * 1000;
const eventSchema = z.looseObject({ seq: z.number(), type: z.string() });

interface Past {
  readonly session_id: string;
  /** Before the first event of the session, and before that of all sessions. */
  readonly cursors: readonly [args: Record<string, unknown>, after: unknown][];
  readonly lastSeq: number;
}

/** Leaves something in every record, lets eight days go by for all events of sessions, and starts the server anew. */
async function leave({ peer, project, target, restart }: SessionSubject): Promise<Past> {
  const { ok } = peer;
  const marker = { id: 'm1', sessionId: 's', messageId: 'x', createdAt: 1 };
  await ok('update_state', { patch: { markers: { over: [marker] }, preferences: { over: 'restart' } } });
  const { cursor: all } = await ok('poll_events', { timeout_ms: 0, max_events: 1000 });
  const made = await ok('create_session', { agent: 'scripted', cwd: project, title: 'Of last week' });
  const session_id = String(made.sessionId);
  await ok('send_and_wait', { session_id, text: '#say long ago' });
  const { events } = await ok('poll_events', { session_id, after: made.cursor, max_events: 1000, timeout_ms: 0 });
  const lastSeq = z.array(eventSchema).parse(events).at(-1)?.seq ?? 0;
  await target.query("update event set time = time - ? where stream like 'session:%' or stream like 'feed:%'", [
    DAYS_8,
  ]);
  await restart();
  const cursors: Past['cursors'] = [
    [{ session_id }, made.cursor],
    [{}, all],
  ];
  return { session_id, cursors, lastSeq };
}

export function declareRestarts({ overRecords }: SessionVerifier): void {
  let left: Promise<Past> | undefined;
  const past = (subject: SessionSubject) => (left ??= leave(subject));

  overRecords('state.restart', async subject => {
    const { session_id } = await past(subject);
    const { ok } = await subject.another();
    const { markers, preferences } = await ok('get_state');
    assert.deepEqual(Object(markers).over, [{ id: 'm1', sessionId: 's', messageId: 'x', createdAt: 1 }]);
    assert.equal(Object(preferences).over, 'restart');
    const { session, messages } = await ok('get_session', { session_id });
    assert.equal(Object(session).title, 'Of last week');
    assert.ok(textsOf(messages).includes('long ago'));
  });

  overRecords('events.gap', async subject => {
    const { session_id, cursors, lastSeq } = await past(subject);
    const { ok } = await subject.another();
    const turn = await ok('send_and_wait', { session_id, text: '#say today' });
    assert.equal(textsOf(turn.messages).at(-1), 'today');
    for (const [args, after] of cursors) {
      let page: Record<string, unknown> = {};
      const look = { ...args, after, timeout_ms: 0, max_events: 1000 };
      // Old records are looked for a few seconds after the start.
      await eventually(async () => {
        page = await ok('poll_events', look);
        return page.gap === true;
      }, 60_000);
      const events = z.array(eventSchema).parse(page.events);
      assert.ok(events.length > 0, 'the oldest that are kept');
      const own = events.filter(event => event.sessionId === session_id);
      assert.ok(own.every(({ seq }) => seq > lastSeq));
      assert.ok(own.some(({ type, turnId }) => type === 'session.idle' && turnId === turn.turnId));
      const next = await ok('poll_events', { ...args, after: page.cursor, timeout_ms: 0 });
      assert.equal(next.gap, false);
      assert.deepEqual(
        listOf(next.events).filter(event => Object(event).turnId === turn.turnId),
        [],
      );
    }
    await ok('dispose_session', { session_id });
  });
}
