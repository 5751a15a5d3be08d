import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { test } from 'node:test';
import { calls, claudeLines, result, says, testPlace } from './transcripts-for-tests.ts';

const ASKED = { agent: 'claude', after: null, notBefore: null, limit: 100, isLast: false };

test('whoever follows a transcript reads each message once, in the order of writing, whatever the pages', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('first');
  session.assistant(says('one'));
  const path = await place.claude(session);
  await using history = await place.open();
  const read: string[] = [];
  let after: string | null = null;
  const follow = async (limit: number) => {
    for (let hasMore = true; hasMore; ) {
      const request = { ...ASKED, id: session.sessionId, after, notBefore: 0, limit };
      const found = (await history.since(request)) ?? assert.fail('not known');
      read.push(...found.written.map(({ message }) => message.id));
      ({ after, hasMore } = found);
    }
  };
  await follow(1);
  const before = session.lines.length;
  session.user('second');
  session.assistant(says('two'));
  session.user('third');
  await appendFile(
    path,
    session.lines
      .slice(before)
      .map(line => `${line}\n`)
      .join(''),
  );
  await history.refresh();
  await follow(2);
  await follow(2);
  const shown = await history.messages({ id: session.sessionId, limit: 100, maxPartChars: 1000 });
  assert.deepEqual(
    read,
    shown?.messages.map(({ id }) => id),
  );
  assert.equal(read.length, 5);
});

test('one that was not read before begins at its newest prompt, or at a time', async () => {
  await using place = await testPlace();
  const session = claudeLines({ startedAt: 1_000_000 });
  for (const word of ['old', 'new']) {
    session.user(word);
    session.assistant(says(`${word} answer`));
  }
  await place.claude(session);
  await using history = await place.open();
  const texts = async (notBefore: number | null) => {
    const found = await history.since({ ...ASKED, id: session.sessionId, notBefore });
    return found?.written.map(({ message: { parts } }) => (parts[0]?.type === 'text' ? parts[0].text : ''));
  };
  assert.deepEqual(await texts(null), ['new', 'new answer']);
  assert.deepEqual(await texts(1_002_000), ['old answer', 'new', 'new answer']);
  assert.deepEqual(await texts(2_000_000), []);
  const found = await history.since({ ...ASKED, id: session.sessionId, notBefore: 2_000_000 });
  const again = await history.since({ ...ASKED, id: session.sessionId, after: found?.after ?? null });
  assert.deepEqual(again?.written, []);
  assert.equal(await history.since({ ...ASKED, id: 'unknown' }), undefined);
});

test('a result tells what became of its call, and an answer in pieces is one message', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('do it');
  session.assistant(says('now'), { answer: 'msg_x' });
  session.assistant(calls('toolu_a', 'ls'), { answer: 'msg_x' });
  session.user(result('toolu_a', 'files'));
  session.user('a reminder', { isMeta: true });
  session.user('of a subagent', { isSidechain: true });
  await place.claude(session);
  await using history = await place.open();
  const found = await history.since({ ...ASKED, id: session.sessionId, limit: 3 });
  const later = await history.since({ ...ASKED, id: session.sessionId, after: found?.after ?? null });
  assert.deepEqual(
    found?.written.map(({ message, isMore }) => [message.id === 'msg_x', isMore]),
    [
      [false, false],
      [true, false],
      [true, true],
    ],
  );
  const [settled] = later?.written.flatMap(one => one.settled) ?? [];
  assert.ok(settled?.type === 'tool_use');
  assert.deepEqual(
    [settled.id, settled.messageId, settled.state, settled.resultText],
    ['toolu_a', 'msg_x', 'completed', 'files'],
  );
  assert.equal(later?.written.length, 1);
});
