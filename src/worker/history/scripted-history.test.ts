import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPlace, testUuid } from './transcripts-for-tests.ts';

const TIME = Date.UTC(2026, 10, 21, 12);

function transcript({ id, forkedFrom }: { id: string; forkedFrom?: string }): string {
  const place = (message: string, at: number) => ({ id: `${message}:${at}`, messageId: message, sessionId: 'ours' });
  const prompt = { id: 'm1', sessionId: 'ours', role: 'user', time: { created: TIME + 1 } };
  const answer = { id: 'm2', sessionId: 'ours', role: 'assistant', model: 'scripted', time: { created: TIME + 2 } };
  const tool = { ...place('m2', 1), type: 'tool_use', tool: 'Bash', input: { command: 'ls' }, state: 'completed' };
  const rows = [
    { type: 'session', id, cwd: '/home/someone/shop', createdAt: TIME, forkedFrom },
    { type: 'message', message: { ...prompt, parts: [{ ...place('m1', 0), type: 'text', text: 'Count the geese' }] } },
    {
      type: 'message',
      message: {
        ...answer,
        parts: [
          { ...place('m2', 0), type: 'text', text: 'Seven' },
          { ...tool, resultText: 'a b' },
        ],
      },
    },
    {
      type: 'usage',
      usage: { inputTokens: 30, outputTokens: 4, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.5 },
    },
    {
      type: 'usage',
      usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: null },
    },
  ];
  return `${rows.map(row => JSON.stringify(row)).join('\n')}\n{"type":"mess`;
}

test('the scripted agent’s transcripts are read with the ids that were told live', async () => {
  await using place = await testPlace();
  const id = testUuid();
  await place.write(`scripted/${id}.jsonl`, transcript({ id }));
  await using history = await place.open();
  const found = await history.messages({ id, limit: 10, maxPartChars: 1000 });
  assert.deepEqual(
    found?.messages.map(message => [message.id, message.role, message.parts.map(part => part.id)]),
    [
      ['m1', 'user', ['m1:0']],
      ['m2', 'assistant', ['m2:0', 'm2:1']],
    ],
  );
  assert.deepEqual([found?.session.title, found?.session.cwd], ['Count the geese', '/home/someone/shop']);
  const { results } = await history.search({ query: 'geese', limit: 5 });
  assert.deepEqual(
    results.map(hit => [hit.sessionId, hit.messageId]),
    [[id, 'm1']],
  );
  const usage = await history.usage({});
  const { totalInputTokens, totalOutputTokens, totalCostUsd, unpricedSessions } = usage;
  assert.deepEqual([totalInputTokens, totalOutputTokens, totalCostUsd, unpricedSessions], [30, 4, 0.5, 0]);
});
