import assert from 'node:assert/strict';
import { appendFile, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HistoryChange } from '../../protocol/history.ts';
import { claudeLines, codexLines, testPlace, testUuid } from './transcripts-for-tests.ts';

const PAGE = { limit: 20 };
const READ = { limit: 50, maxPartChars: 4000 };

test('a restart reads nothing again that has not changed, and only the end of what has', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.attachment({ type: 'environment', text: 'x'.repeat(600) });
  session.user('before the restart');
  const file = await place.claude(session);
  const then = new Date(1_700_000_000_000);
  await utimes(file, then, then);
  await (await place.open())[Symbol.asyncDispose]();
  // The same length and time: had it been read again, this would be found.
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('before the restart', 'BEFORE the changed'));
  await utimes(file, then, then);
  await using history = await place.open();
  assert.equal((await history.search({ query: 'changed', ...PAGE })).results.length, 0);
  session.user('behind the restart');
  await appendFile(file, `${session.lines.at(-1)}\n`);
  await history.refresh();
  assert.equal((await history.search({ query: '"behind the restart"', ...PAGE })).results.length, 1);
  assert.equal((await history.search({ query: 'changed', ...PAGE })).results.length, 0, 'the beginning was read again');
});

test('a transcript that was written anew is read anew', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('a first version that is rather long');
  const file = await place.claude(session);
  await using history = await place.open();
  const other = claudeLines({ sessionId: session.sessionId });
  other.user('second version');
  await writeFile(file, other.text());
  await history.refresh();
  assert.equal((await history.search({ query: '"second version"', ...PAGE })).results.length, 1);
});

test('what is appended is told with its messages, to every listener once', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('start');
  const file = await place.claude(session);
  await using history = await place.open();
  const end = new AbortController();
  const listeners = [history.changes(end.signal), history.changes(end.signal)];
  const heard = listeners.map(async changes => {
    const texts: string[] = [];
    for await (const change of changes) {
      texts.push(...textsOf(change));
      if (texts.includes('line 4')) break;
    }
    return texts;
  });
  for (let at = 0; at < 5; at++) {
    session.user(`line ${at}`);
    await appendFile(file, `${session.lines.at(-1)}\n`);
  }
  const expected = Array.from({ length: 5 }, (_, at) => `line ${at}`);
  assert.deepEqual(await Promise.all(heard), [expected, expected]);
  const late = history.changes(end.signal)[Symbol.asyncIterator]();
  const next = late.next();
  end.abort();
  assert.equal((await next).done, true);
});

for (const maxWatches of [1000, 0]) {
  test(`new projects and sessions are found ${maxWatches > 0 ? 'by watching' : 'by polling alone'}`, async () => {
    await using place = await testPlace();
    await using history = await place.open({ maxWatches, sweepMs: { watched: 3_600_000, polled: 100 } });
    const end = new AbortController();
    const changes = history.changes(end.signal)[Symbol.asyncIterator]();
    const session = claudeLines({ cwd: '/new/place' });
    session.user('brand new');
    await place.claude(session, { cwd: '/new/place' });
    // The roots were not there at all: nobody could watch them.
    const other = claudeLines({ cwd: '/other/place' });
    other.user('newer still');
    await place.claude(other, { cwd: '/other/place' });
    const seen = new Set<string>();
    while (seen.size < 2) {
      const { value } = await changes.next();
      if (value !== undefined) seen.add(value.session.cwd);
    }
    assert.deepEqual([...seen].sort(), ['/new/place', '/other/place']);
    end.abort();
  });
}

test('a transcript cut at any byte loses no complete line, and goes on when the rest comes', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  const words = ['zaun', 'brücke', 'über"quote', 'back\\slash', 'emoji😀x'];
  for (const word of words) session.user(`word ${word}`);
  const bytes = Buffer.from(session.text());
  const ends = [...bytes.entries()].filter(([, byte]) => byte === 10).map(([at]) => at);
  await using history = await place.open();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: bytes.length }), async cut => {
      const copy = claudeLines({ sessionId: testUuid() });
      const file = await place.claude(copy, { text: bytes.subarray(0, cut) });
      await history.refresh();
      const count = async () => (await history.messages({ id: copy.sessionId, ...READ }))?.messages.length ?? 0;
      // A line is complete without its line break as well.
      assert.equal(await count(), ends.filter(end => end <= cut).length);
      await appendFile(file, bytes.subarray(cut));
      await history.refresh();
      assert.equal(await count(), words.length);
    }),
    { numRuns: 60, examples: [[0], [bytes.length], [bytes.length - 1], ...ends.map((end): [number] => [end])] },
  );
  assert.equal((await history.status()).badLines, 0);
});

test('torn and unknown lines are counted and skipped; the rest stays found', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('before');
  session.lines.push(
    '{"parentUuid":null,"isSidechain":false,"type":"user","mess',
    'not json at all',
    '[1,2]',
    '\u0000\u0000',
  );
  session.line({ type: 'some-new-thing', payload: { deep: [1, 2, 3] } });
  session.user('behind');
  await place.claude(session);
  await using history = await place.open();
  const { badLines, unknownLines } = await history.status();
  assert.deepEqual({ badLines, unknownLines }, { badLines: 4, unknownLines: 1 });
  for (const query of ['before', 'behind']) assert.equal((await history.search({ query, ...PAGE })).results.length, 1);
});

test('the index keeps the text of transcripts that the agent removed, for as many days as it is told', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('kept words');
  const file = await place.claude(session);
  {
    await using history = await place.open();
    await rm(file);
    await history.refresh();
    assert.equal((await history.search({ query: 'kept', ...PAGE })).results.length, 1);
    assert.equal((await history.messages({ id: session.sessionId, ...READ }))?.messages.length, 1);
  }
  {
    await using history = await place.open({ retentionDays: 1 });
    assert.equal((await history.search({ query: 'kept', ...PAGE })).results.length, 1, 'not a day ago');
  }
  await using history = await place.open({ retentionDays: -1 });
  assert.equal((await history.search({ query: 'kept', ...PAGE })).results.length, 0);
  assert.equal((await history.sessions(PAGE)).sessions.length, 0);
});

test('an index that is damaged is built anew', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('still here');
  await place.claude(session);
  await (await place.open())[Symbol.asyncDispose]();
  await truncate(place.index, 5000);
  await writeFile(`${place.index}-wal`, '');
  await using history = await place.open();
  assert.equal((await history.search({ query: 'still', ...PAGE })).results.length, 1);
  await history[Symbol.asyncDispose]();
  await writeFile(
    place.index,
    'this is no database at all, but it is long enough to look like a header of one, almost',
  );
  await using again = await place.open();
  assert.equal((await again.search({ query: 'still', ...PAGE })).results.length, 1);
});

test('nothing that belongs to an agent is ever changed', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('look, do not touch');
  await place.claude(session);
  await place.write('codex/sessions/2026/11/21/rollout-x.jsonl', codexLines(testUuid()));
  await mkdir(place.roots.opencode, { recursive: true });
  const listing = async () => {
    const names = await readdir(place.folder, { recursive: true });
    const own = names.filter(name => !name.startsWith('index'));
    return Promise.all(own.sort().map(async name => [name, (await stat(join(place.folder, name))).mtimeMs]));
  };
  const before = await listing();
  {
    await using history = await place.open();
    await history.search({ query: 'touch', ...PAGE });
    await history.memory({ slug: '-home-someone-shop', include: 'all' });
  }
  assert.deepEqual(await listing(), before);
});

const textsOf = ({ messages }: HistoryChange): string[] =>
  messages.flatMap(({ parts }) => parts.flatMap(part => (part.type === 'text' ? [part.text] : [])));
