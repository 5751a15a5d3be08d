import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountSmallDisk } from '../chaos/support/full-disk.ts';
import { eventually } from '../support/eventually.ts';
import { scratchDirectory, startServer } from '../support/server.ts';
import { agentsOf, PATIENCE_MS, sessionClient } from '../support/session-client.ts';
import { listOf, textsOf } from './operations.ts';

const WORDS = 200;

/** A disk for records, blobs, uploads, the outbox and the index; what the agent itself writes has room, as a home has. */
async function place() {
  await using made = new AsyncDisposableStack();
  const scratch = await scratchDirectory();
  made.defer(() => scratch.remove());
  const [cwd, home, transcripts] = ['project', 'home', 'transcripts'].map(name => join(scratch.path, name));
  for (const folder of [cwd, home, transcripts]) await mkdir(folder ?? '');
  const disk = made.adopt(await mountSmallDisk(64), mounted => mounted.close());
  await mkdir(join(disk.path, 'agents'));
  await symlink(transcripts ?? '', join(disk.path, 'agents/scripted'));
  const env = { BOXSWAIN_SESSIONS_ROOTS: scratch.path, HOME: home ?? '', BOXSWAIN_SESSIONS_WARM_AGENTS: '0' };
  const server = made.adopt(await startServer({ directory: disk.path, env }), running => running.stop());
  return { cwd: cwd ?? '', disk, server, held: made.move() };
}

/** The answer to a call that is repeated for as long as it is told to: what failed to write tries again only after a moment. */
async function taken<A extends Record<string, unknown>>(call: () => Promise<A>): Promise<A> {
  let answer = await call();
  await eventually(async () => {
    if (answer.retryable === true) answer = await call();
    return answer.retryable !== true;
  }, PATIENCE_MS);
  return answer;
}

test('a full disk loses nothing of sessions: what cannot be written is refused, what runs goes on and is told later', async t => {
  if (process.getuid?.() !== 0) {
    t.diagnostic('not run: only root can mount a small disk');
    return;
  }
  const { cwd, disk, server, held } = await place();
  await using _held = held;
  const client = sessionClient(() => server.url);
  const { ask } = client;
  const upload = async (id: string, bytes: Buffer) => {
    const form = new FormData();
    form.append('file', new File([new Uint8Array(bytes)], 'a.bin'));
    const response = await fetch(`${server.url}/api/sessions/${id}/upload`, { method: 'POST', body: form });
    return { status: response.status, ...Object(await response.json()) };
  };
  const idle = await client.create({ cwd, agent: 'scripted' });
  const first = await ask('send_and_wait', { session_id: idle.sessionId, text: '#say before the flood' });
  assert.equal(first.ok, true, JSON.stringify(first));
  const busy = await client.create({ cwd, agent: 'scripted' });
  const turn = await client.send(busy.sessionId, `#slow ${WORDS} 20\n#say lighthouse`);
  await client.until(busy.sessionId, 'running');

  await disk.fill();
  const bytes = randomBytes(1_048_576);
  const state = { patch: { recentCwds: ['/x'] } };
  const refused = [
    await ask('send_prompt', { session_id: idle.sessionId, text: '#say lost?' }),
    await ask('create_session', { cwd, agent: 'scripted' }),
    await ask('update_state', state),
    await upload(idle.sessionId, bytes),
  ];
  for (const answer of refused) {
    assert.ok(Number(answer.httpStatus ?? answer.status) >= 429, JSON.stringify(answer));
    assert.ok(['SERVICE_UNAVAILABLE', 'DISK_FULL'].includes(String(answer.code)), JSON.stringify(answer));
    assert.match(`${answer.error} ${answer.hint}`, /disk|space/, JSON.stringify(answer));
  }
  // What is there can be read.
  assert.deepEqual(textsOf((await ask('get_session', { session_id: idle.sessionId })).messages).slice(0, 2), [
    '#say before the flood',
    'before the flood',
  ]);
  assert.equal(listOf((await ask('list_sessions')).sessions).length, 2);
  assert.equal((await agentsOf({ cwd })).length, 2, 'nothing was started that could not be written down');
  await eventually(() => /full/.test(server.log()), PATIENCE_MS);

  await disk.free();
  await eventually(
    async () => (await client.ends(busy.sessionId, busy.cursor)).some(({ turnId }) => turnId === turn.turnId),
    PATIENCE_MS,
  );
  const ends = (await client.ends(busy.sessionId, busy.cursor)).filter(({ turnId }) => turnId === turn.turnId);
  assert.deepEqual(ends, [{ turnId: turn.turnId, outcome: 'completed' }]);
  const events = await client.events(busy.sessionId, busy.cursor);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_event, at) => at + 1),
  );
  const deltas = events.flatMap(({ delta }) => delta ?? []).join('');
  assert.equal(deltas, `${Array.from({ length: WORDS }, (_, at) => `word${at + 1} `).join('')}lighthouse`);
  // What was refused was not done, and can be asked for again.
  const again = await taken(() => ask('send_and_wait', { session_id: idle.sessionId, text: '#recall' }));
  assert.deepEqual(textsOf(again.messages), ['#recall', '#say before the flood'], JSON.stringify(again));
  assert.equal((await taken(() => ask('update_state', state))).version, 1);
  const placed = await taken(() => upload(idle.sessionId, bytes));
  assert.deepEqual(await readFile(String(placed.path)), bytes);
  // The index has what was said meanwhile.
  await eventually(
    async () => listOf((await ask('search_sessions', { query: 'lighthouse' })).results).length === 1,
    PATIENCE_MS,
  );
});
