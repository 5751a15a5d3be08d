import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calls, claudeLines, CWD, result, says, testPlace } from './transcripts-for-tests.ts';

const PAGE = { limit: 20 };
const READ = { limit: 50, maxPartChars: 4000 };

test('a session is listed with its title, times, model and what it used', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('Mend the till, please', { permissionMode: 'plan' });
  session.attachment({ type: 'prompt_snapshot', systemPrompt: ['secretsystem'] });
  session.assistant(says('Gladly'), { answer: 'msg_1' });
  session.assistant(calls('toolu_1', 'ls'), { answer: 'msg_1' });
  await place.claude(session);
  await using history = await place.open();
  const { sessions } = await history.sessions({ ...PAGE });
  assert.equal(sessions.length, 1);
  const [found] = sessions;
  assert.equal(found?.id, session.sessionId);
  assert.equal(found.title, 'Mend the till, please');
  assert.equal(found.cwd, CWD);
  assert.equal(found.projectSlug, '-home-someone-shop');
  assert.equal(found.model, 'claude-x');
  assert.equal(found.permissionMode, 'plan');
  assert.equal(found.messageCount, 3);
  assert.equal(found.resumeCommand, `cd ${CWD} && claude --resume ${session.sessionId}`);
  assert.deepEqual(found.usage, {
    inputTokens: 10,
    outputTokens: 2,
    cacheReadTokens: 5,
    cacheWriteTokens: 1,
    costUsd: null,
  });
});

test('a title that the user gave stays, whatever is written later', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('first prompt');
  session.line({ type: 'ai-title', aiTitle: 'By the agent' });
  session.line({ type: 'custom-title', customTitle: 'By the user' });
  session.line({ type: 'ai-title', aiTitle: 'By the agent again' });
  await place.claude(session);
  await using history = await place.open();
  assert.equal((await history.sessions(PAGE)).sessions[0]?.title, 'By the user');
  assert.equal((await history.sessions({ ...PAGE, query: 'THE USER' })).sessions.length, 1);
  assert.equal((await history.sessions({ ...PAGE, query: 'other' })).sessions.length, 0);
});

test('messages bring calls of tools together with what came out of them', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('go');
  session.assistant(calls('toolu_1', 'make'));
  session.user(
    result(
      'toolu_1',
      [
        { type: 'text', text: 'no rule' },
        { type: 'image', source: {} },
      ],
      true,
    ),
  );
  session.assistant(says('It failed'));
  await place.claude(session);
  await using history = await place.open();
  const found = await history.messages({ id: session.sessionId, ...READ });
  assert.deepEqual(
    found?.messages.map(({ role }) => role),
    ['user', 'assistant', 'user', 'assistant'],
  );
  const call = found.messages[1]?.parts[0];
  assert.equal(call?.type, 'tool_use');
  assert.equal(call.id, 'toolu_1');
  assert.equal(call.state, 'error');
  assert.equal(call.resultText, 'no rule\n[image]');
});

test('pages of messages go back to the beginning and cut long parts', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  for (let at = 0; at < 10; at++) session.user(`prompt ${at} ${'x'.repeat(500)}`);
  await place.claude(session);
  await using history = await place.open();
  const seen: string[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < 10; pages++) {
    const page = await history.messages({ id: session.sessionId, limit: 4, maxPartChars: 100, before });
    const texts = page?.messages.map(({ parts: [part] }) => (part?.type === 'text' ? part : undefined)) ?? [];
    assert.ok(texts.every(part => part?.truncated && part.text.length === 100));
    seen.unshift(...texts.map(part => part?.text.slice(0, 8) ?? ''));
    if (!page?.hasMore) break;
    before = page.before ?? undefined;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 10 }, (_, at) => `prompt ${at}`),
  );
  await assert.rejects(history.messages({ id: session.sessionId, ...READ, before: 'nonsense' }), {
    code: 'VALIDATION_ERROR',
  });
  assert.equal(await history.messages({ id: '../../x', ...READ }), undefined);
});

test('a project at /x/my-app and one at /x/my/app are two projects with the right paths', async () => {
  await using place = await testPlace();
  for (const cwd of ['/x/my-app', '/x/my/app']) {
    const session = claudeLines({ cwd });
    session.user(`work in ${cwd}`);
    await place.claude(session, { cwd });
  }
  await using history = await place.open();
  const { projects } = await history.projects(PAGE);
  assert.deepEqual(projects.map(({ path }) => path).sort(), ['/x/my-app', '/x/my/app']);
  const slugs = projects.map(({ slug }) => slug).sort((a, b) => a.length - b.length);
  assert.equal(slugs[0], '-x-my-app');
  assert.match(slugs[1] ?? '', /^-x-my-app~[0-9a-f]{6}$/);
  for (const { slug, path } of projects) {
    const { sessions } = await history.sessions({ slug, ...PAGE });
    assert.deepEqual(
      sessions.map(({ cwd }) => cwd),
      [path],
    );
  }
});

test('lists are newest first, and pages neither repeat nor leave out anything', async () => {
  await using place = await testPlace();
  for (let at = 0; at < 23; at++) {
    // Some are equally old.
    const session = claudeLines({ startedAt: 1_000_000_000_000 + Math.floor(at / 3) * 60_000 });
    session.user('same words');
    await place.claude(session);
  }
  await using history = await place.open();
  const pagesOf = async (
    list: (cursor?: string) => Promise<{ ids: [number, string][]; nextCursor: string | null }>,
  ) => {
    const all: [number, string][] = [];
    let cursor: string | undefined;
    do {
      const page = await list(cursor);
      all.push(...page.ids);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return all;
  };
  const listed = await pagesOf(async cursor => {
    const { sessions, nextCursor } = await history.sessions({ limit: 5, cursor });
    return { ids: sessions.map(({ updatedAt, id }) => [updatedAt, id]), nextCursor };
  });
  const searched = await pagesOf(async cursor => {
    const { results, nextCursor } = await history.search({ query: 'words', limit: 4, cursor });
    return { ids: results.map(({ updatedAt, sessionId }) => [updatedAt, sessionId]), nextCursor };
  });
  assert.equal(new Set(listed.map(([, id]) => id)).size, 23);
  assert.deepEqual(
    listed,
    listed.toSorted(([a], [b]) => b - a),
  );
  assert.deepEqual(searched, listed);
  await assert.rejects(history.sessions({ limit: 5, cursor: 'bm9uc2Vuc2U' }), { code: 'VALIDATION_ERROR' });
});
