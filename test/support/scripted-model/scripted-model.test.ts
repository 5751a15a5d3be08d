import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyTo } from './script.ts';
import { startScriptedModel } from './server.ts';

const user = (text: string) => ({ kind: 'user' as const, text });
const result = (text: string) => ({ kind: 'result' as const, text });

test('a prompt without a script is echoed', () => {
  assert.deepEqual(replyTo({ said: [user('hello')], hasTools: true }).actions, [{ kind: 'say', text: 'hello' }]);
});

test('each tool result leads to the next answer of the last prompt', () => {
  const prompt = user('#say a\n#tool Write {"x": 1}\n#usage 7 8\n#result\n#tool Read {}');
  const first = replyTo({ said: [user('#say old'), prompt], hasTools: true });
  assert.deepEqual(first.actions, [
    { kind: 'say', text: 'a' },
    { kind: 'tool', name: 'Write', input: { x: 1 } },
  ]);
  const second = replyTo({ said: [prompt, result('written'), user('<reminder>x</reminder>')], hasTools: true });
  assert.deepEqual(second.usage, { input: 7, output: 8 });
  assert.deepEqual(second.actions[0], { kind: 'say', text: 'written' });
  const third = replyTo({ said: [prompt, result('written'), result('read')], hasTools: true });
  assert.deepEqual(third.actions, [{ kind: 'say', text: 'done' }]);
});

test('a request without tools gets none, and no failure', () => {
  const reply = replyTo({ said: [user('#fail 500\n#say a\n#tool Write {}')], hasTools: false });
  assert.deepEqual([reply.fail, reply.actions], [undefined, [{ kind: 'say', text: 'a' }]]);
});

test('all four wires stream what the script says', async () => {
  const model = await startScriptedModel();
  const text = '#say streamed words\n#usage 11 12';
  const tools = [{ name: 'x' }];
  const asked: [string, object][] = [
    ['/v1/messages', { model: 'm', messages: [{ role: 'user', content: text }], tools }],
    [
      '/v1/responses',
      { model: 'm', input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }], tools },
    ],
    ['/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: text }], tools }],
    ['/v1beta/models/m:streamGenerateContent', { contents: [{ role: 'user', parts: [{ text }] }], tools }],
  ];
  try {
    for (const [path, body] of asked) {
      const response = await fetch(model.origin + path, { method: 'POST', body: JSON.stringify(body) });
      const events = await response.text();
      assert.match(events, / words/, path);
      assert.match(events, /\b12\b/, path);
    }
    const [, failing] = asked[0] ?? [];
    const messages = [{ role: 'user', content: '#fail 529' }];
    const response = await fetch(`${model.origin}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ ...failing, messages }),
    });
    assert.equal(response.status, 529);
  } finally {
    await model.close();
  }
});
