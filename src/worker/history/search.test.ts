import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldText, searchExpression } from './queries/search-expression.ts';
import { findTerms, snippetAt } from './queries/snippet.ts';
import { calls, claudeLines, codexLines, result, says, testPlace, testUuid } from './transcripts-for-tests.ts';

const PAGE = { limit: 20 };

async function smallHistory() {
  const place = await testPlace();
  const first = claudeLines({ startedAt: Date.UTC(2026, 0, 1), cwd: '/work/alpha' });
  first.user('The Quick brown fox jumps');
  first.assistant(says('A lazy DOG sleeps; the fox runs'));
  first.assistant(calls('toolu_1', 'grep -rn "needle_in_hay" src'));
  first.user(result('toolu_1', 'src/a.ts: const needle_in_hay = 1'));
  const second = claudeLines({ startedAt: Date.UTC(2026, 5, 1), cwd: '/work/beta' });
  second.user('A fox, brown and quick');
  second.assistant(says('Crème brûlée für alle'));
  await place.claude(first, { cwd: '/work/alpha' });
  await place.claude(second, { cwd: '/work/beta' });
  const codex = testUuid();
  await place.write(
    `codex/sessions/2026/11/21/rollout-x-${codex}.jsonl`,
    codexLines(codex, { answer: 'The fox in codex' }),
  );
  return { place, first, second, codex, history: await place.open() };
}

test('all words must occur in a message, in any order and case; quotes make a phrase, a star a prefix', async () => {
  const { place, history, first, second, codex } = await smallHistory();
  const found = async (query: string) =>
    (await history.search({ query, ...PAGE })).results.map(({ sessionId }) => sessionId);
  const [a, b] = [first.sessionId, second.sessionId];
  assert.deepEqual(await found('fox'), [codex, b, a], 'newest first');
  assert.deepEqual(await found('QUICK brown'), [b, a]);
  assert.deepEqual(await found('"quick brown"'), [a]);
  assert.deepEqual(await found('qui* jum*'), [a]);
  assert.deepEqual(await found('qui'), []);
  assert.deepEqual(await found('fox zebra'), []);
  assert.deepEqual(await found('needle_in_hay'), [a]);
  assert.deepEqual(await found('creme BRULEE'), [b]);
  assert.deepEqual(await found('codexdir'), [codex]);
  assert.deepEqual(await found('"quick brown'), [a], 'a quote that nothing closes reaches to the end');
  await history[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

test('a session is one result with its best message, in the case that was written', async () => {
  const { place, history, first } = await smallHistory();
  const { results } = await history.search({ query: 'fox', slug: '-work-alpha', ...PAGE });
  assert.equal(results.length, 1);
  const [hit] = results;
  assert.equal(hit?.matches, 2);
  assert.equal(hit.sessionId, first.sessionId);
  assert.match(hit.snippet, /Quick brown fox|lazy DOG sleeps/);
  assert.equal(hit.cwd, '/work/alpha');
  assert.equal(hit.agent, 'claude');
  await history[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

test('filters by project, agent, role and time leave out what does not fit', async () => {
  const { place, history, first, second, codex } = await smallHistory();
  const found = async (filter: object) =>
    (await history.search({ query: 'fox', ...PAGE, ...filter })).results.map(
      ({ sessionId, role }) => `${sessionId} ${role}`,
    );
  const [a, b] = [first.sessionId, second.sessionId];
  assert.deepEqual(await found({ agent: 'codex' }), [`${codex} assistant`]);
  assert.deepEqual(await found({ slug: '-work-beta' }), [`${b} user`]);
  assert.deepEqual(await found({ slug: 'unknown' }), []);
  assert.deepEqual(await found({ role: 'assistant' }), [`${codex} assistant`, `${a} assistant`]);
  assert.deepEqual(await found({ role: 'tool' }), []);
  assert.deepEqual(await found({ since: Date.UTC(2026, 3, 1), until: Date.UTC(2026, 6, 1) }), [`${b} user`]);
  // Between two messages of one session.
  assert.deepEqual(await found({ until: Date.UTC(2026, 0, 1) + 1500 }), [`${a} user`]);
  assert.deepEqual(await found({ since: Date.UTC(2026, 0, 1) + 1500, until: Date.UTC(2026, 1, 1) }), [
    `${a} assistant`,
  ]);
  const tools = await history.search({ query: 'needle_in_hay', role: 'tool', ...PAGE });
  assert.equal(tools.results[0]?.role, 'tool');
  assert.match(tools.results[0].snippet, /needle_in_hay/);
  await history[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

test('by relevance the session that speaks of it most comes first', async () => {
  await using place = await testPlace();
  const much = claudeLines({ startedAt: Date.UTC(2025, 0, 1) });
  for (let at = 0; at < 6; at++) much.user(`kiln number ${at}`);
  const little = claudeLines({ startedAt: Date.UTC(2026, 0, 1) });
  for (let at = 0; at < 6; at++) little.user(at === 0 ? 'kiln' : 'other things');
  for (const session of [much, little]) await place.claude(session);
  await using history = await place.open();
  const sorted = async (sort: 'recent' | 'relevance') =>
    (await history.search({ query: 'kiln', sort, ...PAGE })).results.map(({ sessionId }) => sessionId);
  assert.deepEqual(await sorted('relevance'), [much.sessionId, little.sessionId]);
  assert.deepEqual(await sorted('recent'), [little.sessionId, much.sessionId]);
});

test('a word that stands nearly everywhere is found like any other, also in an old session that went on', async () => {
  await using place = await testPlace();
  const sessions = Array.from({ length: 40 }, (_, at) =>
    claudeLines({ startedAt: Date.UTC(2026, 0, 1 + at), cwd: `/p/${at % 2}` }),
  );
  for (const session of sessions) {
    for (let at = 0; at < 100; at++) session.user(`common ${at}`);
    await place.claude(session, { cwd: '/p' });
  }
  await using history = await place.open();
  const oldest = sessions[0];
  assert.ok(oldest);
  const again = claudeLines({ sessionId: oldest.sessionId, startedAt: Date.UTC(2026, 2, 1) });
  again.user('common again');
  oldest.lines.push(...again.lines);
  await place.claude(oldest, { cwd: '/p' });
  await history.refresh();
  const expected = [oldest, ...sessions.slice(1).reverse()].map(({ sessionId }) => sessionId);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await history.search({ query: 'common', limit: 7, cursor });
    found.push(...page.results.map(({ sessionId }) => sessionId));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(found, expected);
  const odd = await history.search({ query: 'common', slug: '-p-1', limit: 50 });
  assert.equal(odd.results.length, 20);
  assert.equal((await history.search({ query: 'common', limit: 1 })).results[0]?.matches, 101);
});

test('no query is ever wrong', async () => {
  const { place, history } = await smallHistory();
  const hostile = [
    '"',
    '""',
    '*',
    '"*',
    'OR',
    'AND NOT OR',
    'NEAR(fox dog)',
    'text:fox',
    '{user}:fox',
    '^fox',
    'fox"',
    "'; drop table--",
    '\0',
    'fox\0dog',
    '-fox',
    '+',
    '(((',
    'fox*fox',
    'x'.repeat(500),
    'a '.repeat(250),
    '"a" '.repeat(125),
    '\ud800',
    '𝕏 𝕐',
    'ſ',
    'İ',
  ];
  for (const query of hostile) await history.search({ query, ...PAGE });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ maxLength: 500 }), fc.string({ unit: 'binary', maxLength: 100 })),
      async query => {
        await history.search({ query, ...PAGE });
      },
    ),
    { numRuns: 100 },
  );
  const dropped = await history.search({ query: 'fox\0', ...PAGE });
  assert.equal(dropped.results.length, 3);
  await history[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

test('folding a text moves nothing in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      assert.equal(foldText(text).length, text.length);
    }),
  );
  assert.equal(foldText('ÀÉ İß Ǆ'), 'ae iß ǆ');
});

test('a snippet has at most 200 characters of one line, holds the word and is taken from the text', () => {
  fc.assert(
    fc.property(fc.lorem({ maxCount: 120 }), fc.lorem({ maxCount: 120 }), (before, behind) => {
      const text = `${before}\n\tNeedleWord ${behind}`;
      const expression = searchExpression('needleword');
      const found = findTerms(text, expression?.terms ?? []);
      assert.ok(found);
      const snippet = snippetAt(text, found.at);
      assert.ok(snippet.length <= 200);
      assert.match(snippet, /NeedleWord/);
      assert.doesNotMatch(snippet, /[\n\t]/);
      const plain = text.replace(/\s+/g, ' ');
      assert.ok(plain.includes(snippet.replace(/^…|…$/g, '')));
    }),
  );
});
