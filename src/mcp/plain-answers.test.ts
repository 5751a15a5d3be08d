import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answeredPlainly, wantsPlainAnswer } from './plain-answers.ts';

const asking = (accept?: string) =>
  new Request('http://localhost/mcp', { method: 'POST', headers: accept === undefined ? {} : { accept } });

test('a client that names JSON and no stream, or nothing, wants a plain answer', () => {
  for (const accept of [undefined, '*/*', 'application/json', 'application/*;q=0.8'])
    assert.equal(wantsPlainAnswer(asking(accept)), true, accept);
  for (const accept of ['application/json, text/event-stream', 'text/html'])
    assert.equal(wantsPlainAnswer(asking(accept)), false, accept);
});

test('of a stream the answer remains, with its status and headers', async () => {
  const frames = [
    ': keep-alive',
    'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}',
    'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}',
  ];
  const response = await answeredPlainly(asking(), async request => {
    assert.equal(wantsPlainAnswer(request), false);
    const headers = { 'content-type': 'text/event-stream', 'mcp-session-id': 's' };
    return new Response(`${frames.join('\n\n')}\n\n`, { headers });
  });
  assert.deepEqual(await response.json(), { jsonrpc: '2.0', id: 1, result: {} });
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('mcp-session-id'), 's');
});

test('what is no stream is passed on as it is', async () => {
  const refused = Response.json({ error: {} }, { status: 404 });
  assert.equal(await answeredPlainly(asking(), async () => refused), refused);
});
