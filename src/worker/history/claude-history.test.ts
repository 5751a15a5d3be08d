import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import fc from 'fast-check';
import type { History } from './history.ts';
import { claudeSlug } from './identity.ts';
import {
  calls,
  claudeLines,
  type ClaudeLines,
  CWD,
  type Place,
  result,
  says,
  testPlace,
} from './transcripts-for-tests.ts';

const READ = { limit: 500, maxPartChars: 4000 };

const shapes: Record<string, (session: ClaudeLines) => void> = {
  'a plain conversation': session => {
    session.user('hello');
    session.attachment({ type: 'date', date: 'today' });
    session.assistant(says('hi'));
  },
  'a prompt that another process answered in between': session => {
    session.user('one');
    const fork = session.assistant(says('first answer'));
    session.user('outside');
    session.assistant(says('lost answer'));
    session.parent = fork;
    session.user('inside');
    session.assistant(says('kept answer'));
  },
  'tools that ran side by side': session => {
    session.user('do both');
    const first = session.assistant(calls('toolu_a', 'a'), { answer: 'msg_both' });
    const second = session.assistant(calls('toolu_b', 'b'), { answer: 'msg_both' });
    session.user(result('toolu_b', 'done b'), { sourceToolAssistantUUID: second });
    session.parent = first;
    session.user(result('toolu_a', 'done a'), { sourceToolAssistantUUID: first });
    session.assistant(says('both done'));
  },
  'subagents and words of the program in between': session => {
    session.user('start');
    session.user('a reminder', { isMeta: true });
    const main = session.parent;
    session.user('from a subagent', { isSidechain: true });
    session.parent = main;
    session.assistant(says('end'));
  },
  'attachments at the end': session => {
    session.user('start');
    session.assistant(says('end'));
    session.attachment({ type: 'prompt_snapshot', systemPrompt: ['x'.repeat(3000)] });
  },
  'a compaction that kept some messages': session => {
    session.user('old one');
    session.assistant(says('old answer'));
    const kept = session.user('kept prompt');
    const keptAnswer = session.assistant(says('kept answer'));
    session.parent = null;
    const boundary = session.user('placeholder');
    session.lines.pop();
    session.lines.push(
      JSON.stringify({
        parentUuid: null,
        isSidechain: false,
        type: 'system',
        subtype: 'compact_boundary',
        content: 'Conversation compacted',
        uuid: boundary,
        timestamp: '2026-11-21T13:00:00.000Z',
        cwd: CWD,
        sessionId: session.sessionId,
        compactMetadata: { preservedSegment: { headUuid: kept, tailUuid: keptAnswer, anchorUuid: boundary } },
      }),
    );
    session.user('summary of what was', { isCompactSummary: true });
    session.user('new prompt');
    session.assistant(says('new answer'));
  },
};

for (const [name, write] of Object.entries(shapes)) {
  test(`the conversation is what Claude's own SDK shows: ${name}`, async () => {
    await using place = await testPlace();
    const session = claudeLines();
    write(session);
    await place.claude(session);
    await using history = await place.open();
    const ours = await mainChainOf(history, session);
    assert.ok(ours.length > 0);
    assert.deepEqual(ours, await sdkChainOf(place, session));
  });
}

test("the conversation is what Claude's own SDK shows, whatever hangs below what", async () => {
  await using place = await testPlace();
  await using history = await place.open();
  const step = fc.record({
    kind: fc.constantFrom('user', 'assistant', 'call', 'result', 'attachment', 'meta', 'sidechain'),
    back: fc.nat(6),
    answer: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async steps => {
      const session = claudeLines();
      const uuids: (string | null)[] = [null];
      for (const { kind, back, answer } of steps) {
        session.parent = uuids.at(-1 - (back % uuids.length)) ?? null;
        const options = { answer: `msg_${answer}` };
        if (kind === 'user') uuids.push(session.user('text'));
        if (kind === 'assistant') uuids.push(session.assistant(says('text'), options));
        if (kind === 'call') uuids.push(session.assistant(calls(`toolu_${answer}`, 'x'), options));
        if (kind === 'result') uuids.push(session.user(result(`toolu_${answer}`, 'y')));
        if (kind === 'attachment') uuids.push(session.attachment({ type: 'date' }));
        if (kind === 'meta') uuids.push(session.user('meta', { isMeta: true }));
        if (kind === 'sidechain') uuids.push(session.user('side', { isSidechain: true }));
      }
      await place.claude(session);
      await history.refresh();
      assert.deepEqual(await mainChainOf(history, session), await sdkChainOf(place, session));
    }),
    { numRuns: 150 },
  );
});

test('subagents belong to their session: found by search and shown only when asked for', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('delegate');
  await place.claude(session);
  const agent = claudeLines({ sessionId: session.sessionId });
  agent.user('delegated errand', { isSidechain: true });
  agent.assistant(says('errand done'), { line: { isSidechain: true } });
  await place.write(
    join('claude/projects', claudeSlug(CWD), session.sessionId, 'subagents/agent-a1.jsonl'),
    agent.text(),
  );
  await using history = await place.open();
  assert.equal((await history.sessions({ limit: 5 })).sessions.length, 1);
  const [hit] = (await history.search({ query: 'errand', limit: 5 })).results;
  assert.equal(hit?.sessionId, session.sessionId);
  assert.equal((await history.messages({ id: session.sessionId, ...READ }))?.messages.length, 1);
  const all = await history.messages({ id: session.sessionId, ...READ, include: 'all' });
  assert.deepEqual(
    all?.messages.map(({ isSidechain }) => isSidechain === true),
    [false, true, true],
  );
  assert.equal((await history.usage({})).totalInputTokens, 10);
});

test('the pieces of an answer are one message, with the ids that were told live', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('go');
  session.assistant({ type: 'thinking', thinking: 'hm' }, { answer: 'msg_x' });
  session.assistant(says('first'), { answer: 'msg_x' });
  session.assistant(calls('toolu_x', 'ls'), { answer: 'msg_x' });
  session.user(result('toolu_x', 'a file'));
  session.assistant(says('done'), { answer: 'msg_y' });
  await place.claude(session);
  await using history = await place.open();
  const { messages = [] } = { ...(await history.messages({ id: session.sessionId, ...READ })) };
  const shown = messages.map(({ id, parts }) => [id, parts.map(part => part.id)]);
  assert.deepEqual(shown.slice(1, 2), [['msg_x', ['msg_x:0', 'msg_x:1', 'toolu_x']]]);
  assert.deepEqual(shown.slice(3), [['msg_y', ['msg_y:0']]]);
  const page = await history.messages({ id: session.sessionId, ...READ, before: 'msg_y', limit: 2 });
  assert.deepEqual(
    page?.messages.map(({ role, parts }) => [role, parts.length]),
    [
      ['assistant', 3],
      ['user', 1],
    ],
  );
  const { results } = await history.search({ query: 'first', limit: 1 });
  assert.equal(results[0]?.messageId, 'msg_x');
});

test('a prompt that was typed during a turn is part of the conversation', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('first');
  session.assistant(calls('toolu_1', 'x'));
  session.user(result('toolu_1', 'y'));
  session.attachment({ type: 'queued_command', prompt: 'and also polish it', commandMode: 'prompt' });
  session.assistant(says('polished'));
  await place.claude(session);
  await using history = await place.open();
  assert.equal((await history.search({ query: 'polish', limit: 5 })).results[0]?.role, 'user');
  assert.equal((await history.messages({ id: session.sessionId, ...READ }))?.messages.length, 5);
  assert.equal((await sdkChainOf(place, session)).length, 5);
});

test('system prompts, shapes of requests and words of the program are not searched', async () => {
  await using place = await testPlace();
  const session = claudeLines();
  session.user('open words');
  session.attachment({ type: 'prompt_snapshot', systemPrompt: ['hiddenprompt'] });
  session.line({ type: 'api-request-shape', shape: { system: [{ type: 'text', text: 'hiddenprompt' }] } });
  session.line({ type: 'api-request-blob', message: { role: 'user', content: 'hiddenprompt' } });
  session.user('<system-reminder>hiddenprompt</system-reminder>', { isMeta: true });
  await place.claude(session);
  await using history = await place.open();
  assert.equal((await history.search({ query: 'hiddenprompt', limit: 5 })).results.length, 0);
  assert.equal((await history.search({ query: 'open', limit: 5 })).results.length, 1);
});

async function mainChainOf(history: History, { sessionId }: ClaudeLines): Promise<string[]> {
  const found = await history.messages({ id: sessionId, ...READ });
  return found?.messages.map(({ id }) => id) ?? [];
}

const answerSchema = z.object({ id: z.string() });

/** Ids of the messages, of an answer in several pieces its own. The SDK reads its configuration folder's place from the environment. */
async function sdkChainOf(place: Place, { sessionId }: ClaudeLines): Promise<string[]> {
  const before = process.env.CLAUDE_CONFIG_DIR;
  process.env.CLAUDE_CONFIG_DIR = place.roots.claude;
  try {
    const messages = await getSessionMessages(sessionId, { dir: CWD });
    const ids = messages.map(({ type, uuid, message }) =>
      type === 'assistant' ? (answerSchema.safeParse(message).data?.id ?? uuid) : uuid,
    );
    return [...new Set(ids)];
  } finally {
    if (before === undefined) delete process.env.CLAUDE_CONFIG_DIR;
    else process.env.CLAUDE_CONFIG_DIR = before;
  }
}
