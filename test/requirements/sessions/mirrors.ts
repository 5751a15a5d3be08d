import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { claudeSlug } from '../../../src/worker/history/identity.ts';
import { claudeLines, says } from '../../../src/worker/history/transcripts-for-tests.ts';
import { openInTerminals } from '../../support/claude-stand-in.ts';
import { listOf, until } from './tools.ts';
import type { Grounds } from './grounds.ts';
import type { SessionSubject, SessionVerifier } from './verify.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const turnSchema = z.object({ created_at: z.coerce.number(), expires_at: z.coerce.number() });

const open = new Set<string>();
let told = Promise.resolve();

/** One after another, as several verifications open and close. */
const tell = ({ home }: Grounds): Promise<void> => (told = told.then(() => openInTerminals(home, [...open])));

/** The user closes the terminal. */
export async function closeSession(grounds: Grounds, session_id: string): Promise<void> {
  open.delete(session_id);
  await tell(grounds);
}

/** A session that Claude Code wrote and its user has open in a terminal; the path of its transcript. */
export async function openSession(grounds: Grounds): Promise<{ session_id: string; transcript: string }> {
  const { projects, home } = grounds;
  const cwd = join(projects, 'shop');
  const lines = claudeLines({ cwd });
  lines.user('Sort the shelves');
  lines.assistant(says('Sorted'));
  const transcript = await home(`.claude/projects/${claudeSlug(cwd)}/${lines.sessionId}.jsonl`, lines.text());
  open.add(lines.sessionId);
  await tell(grounds);
  return { session_id: lines.sessionId, transcript };
}

export const untilStatus = (
  { ok }: Pick<SessionSubject, 'ok'>,
  { session_id, status }: Record<'session_id' | 'status', string>,
) =>
  until(
    {
      // Found as soon as its transcript was read.
      ok: async (tool, args) => await ok(tool, args).catch(() => ({})),
    },
    { tool: 'get_session', args: { session_id }, isIt: ({ session }) => Object(session).status === status },
  );

export function declareMirrors({ overRecords }: SessionVerifier, grounds: () => Grounds): void {
  overRecords('mirror.open', async subject => {
    const { ok, fails } = subject;
    const { session_id, transcript } = await openSession(grounds());
    const before = await readFile(transcript, 'utf8');
    const { session } = await untilStatus(subject, { session_id, status: 'mirror' });
    const { openIn } = z.looseObject({ openIn: z.looseObject({ since: z.number() }) }).parse(session);
    assert.deepEqual([openIn.kind, openIn.pid, openIn.status], ['terminal', process.pid, 'idle']);
    const { sessions } = await ok('list_sessions', { status: 'mirror' });
    assert.ok(listOf(sessions).some(one => Object(one).id === session_id));
    for (const tool of ['send_prompt', 'send_and_wait']) {
      const refused = await fails(tool, { session_id, text: 'x' });
      const message = `Session ${session_id} is open in a terminal (pid ${process.pid})`;
      assert.deepEqual([refused.code, refused.message], ['SESSION_OPEN_ELSEWHERE', message]);
      assert.deepEqual(refused.details.choices, ['fork', 'queue', 'wait']);
      assert.equal(Object(refused.details.openIn).pid, process.pid);
      assert.match(refused.hint, /fork, queue or wait/);
    }
    const unhooked = await fails('send_prompt', { session_id, text: 'x', when_open: 'queue' });
    assert.deepEqual([unhooked.code, /hooks/.test(unhooked.hint)], ['CAPABILITY_UNSUPPORTED', true]);
    assert.equal(await readFile(transcript, 'utf8'), before, 'nothing was written');
    assert.equal((await ok('abort_session', { session_id })).aborted, false);
    await closeSession(grounds(), session_id);
    await untilStatus(subject, { session_id, status: 'parked' });
  });

  overRecords('prompt.expired', async subject => {
    const { ok, target } = subject;
    const { session_id } = await openSession(grounds());
    await untilStatus(subject, { session_id, status: 'mirror' });
    const sent = await ok('send_prompt', { session_id, text: 'x', when_open: 'wait' });
    assert.deepEqual([sent.via, sent.position], ['queue', 1]);
    const turnId = String(sent.turnId);
    const [turn] = z.array(turnSchema).parse(await target.query('select * from turn where id = ?', [turnId]));
    assert.ok(Math.abs((turn?.expires_at ?? 0) - (turn?.created_at ?? 0) - DAY_MS) < 60_000, 'a day');
    const isEnd = (event: Record<string, unknown>) => event.type === 'session.idle' && event.turnId === turnId;
    // The day goes by.
    await target.query('update turn set expires_at = ? where id = ?', [turn?.created_at ?? 0, turnId]);
    const { events } = await until(subject, {
      tool: 'poll_events',
      args: { session_id, after: sent.cursor, timeout_ms: 2000 },
      isIt: output => listOf(output.events).some(event => isEnd(Object(event))),
    });
    const heard = listOf(events)
      .map(event => Object(event))
      .filter(event => event.turnId === turnId);
    assert.deepEqual(
      heard.map(({ type, result }) => [type, result?.outcome]),
      [
        ['prompt.queued', undefined],
        ['prompt.expired', undefined],
        ['session.idle', 'expired'],
      ],
    );
    await closeSession(grounds(), session_id);
    await untilStatus(subject, { session_id, status: 'parked' });
  });
}
