import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect, connectFirst, type Era, messageOf, post, postModern } from './clients.ts';
import { startTestServer } from './stand-in.ts';

const eras: readonly Era[] = ['legacy', 'auto'];

for (const era of eras) {
  describe(`a client of SDK v2 (${era})`, () => {
    test('sees every operation once, with title, hints and schemas', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const { tools } = await peer.client.listTools();
      const names = tools.map(tool => tool.name);
      assert.equal(new Set(names).size, names.length);
      assert.ok(names.includes('run_python') && names.includes('echo'));
      for (const tool of tools) {
        assert.match(tool.name, /^[a-zA-Z0-9_-]{1,64}$/);
        assert.ok(tool.title && tool.outputSchema && tool.annotations?.readOnlyHint !== undefined, tool.name);
      }
      assert.ok((peer.client.getInstructions() ?? '').length > 200);
      assert.ok((peer.client.getInstructions() ?? '').length <= 2_000);
    });

    test('gets structured content and equivalent text', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const result = await peer.client.callTool({ name: 'echo', arguments: { message: 'hello' } });
      assert.deepEqual(result.structuredContent, { message: 'hello' });
      assert.deepEqual(result.content, [{ type: 'text', text: 'hello' }]);
      assert.notEqual(result.isError, true);
    });

    test('may call by an alias', async () => {
      await using server = await startTestServer();
      server.watch.release();
      await using peer = await connect(server.url, era);
      const result = await peer.client.callTool({ name: 'test.wait', arguments: { label: 'a' } });
      assert.deepEqual(result.structuredContent, { label: 'a' });
    });

    test('is told of an unknown tool by -32602', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      await assert.rejects(peer.client.callTool({ name: 'no_such', arguments: {} }), {
        code: -32602,
        message: /Unknown tool: no_such/,
      });
    });

    test('gets a failure as code, message and hint, without structured content', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const result = await peer.client.callTool({ name: 'test_fail', arguments: { how: 'visible' } });
      assert.equal(result.isError, true);
      assert.equal(result.structuredContent, undefined);
      assert.deepEqual(result.content, [
        { type: 'text', text: 'FILE_NOT_FOUND: File not found: a.txt\nHint: call fs_list to see what is there' },
      ]);
      assert.deepEqual(result._meta?.['boxswain/error'], {
        code: 'FILE_NOT_FOUND',
        message: 'File not found: a.txt',
        hint: 'call fs_list to see what is there',
        retryable: false,
        details: { path: 'a.txt' },
      });
    });

    for (const how of ['secret', 'string']) {
      test(`never sees what was thrown (${how})`, async () => {
        await using server = await startTestServer();
        await using peer = await connect(server.url, era);
        const result = await peer.client.callTool({ name: 'test_fail', arguments: { how } });
        const text = JSON.stringify(result);
        assert.match(text, /INTERNAL_ERROR: internal error, reference [0-9a-f-]{36}/);
        assert.doesNotMatch(text, /hunter2|shadow|\.ts:/);
      });
    }

    test('is told which argument is unknown', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const result = await peer.client.callTool({ name: 'echo', arguments: { message: 'a', loud: true } });
      assert.equal(result.isError, true);
      assert.match(JSON.stringify(result.content), /VALIDATION_ERROR: unknown argument \\"loud\\".*message/);
    });

    test('hears rising progress while a call runs', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const heard: number[] = [];
      const messages: (string | undefined)[] = [];
      const call = peer.client.callTool(
        { name: 'test_wait', arguments: { label: 'p' } },
        {
          onprogress: ({ progress, message }) => {
            heard.push(progress);
            messages.push(message);
            server.watch.release();
          },
        },
      );
      await call;
      assert.deepEqual(heard, [10]);
      assert.deepEqual(messages, ['waiting p']);
    });

    test('cancels its call', async () => {
      await using server = await startTestServer();
      await using peer = await connect(server.url, era);
      const cancelling = new AbortController();
      const call = peer.client.callTool(
        { name: 'test_wait', arguments: { label: 'c' } },
        { signal: cancelling.signal },
      );
      await server.watch.until(() => server.watch.started.includes('c'));
      cancelling.abort();
      await assert.rejects(call);
      await server.watch.until(() => server.watch.cancelled.includes('c'));
    });
  });
}

describe('a client of SDK v1', () => {
  test('lists and calls', async () => {
    await using server = await startTestServer();
    await using peer = await connectFirst(server.url);
    const { tools } = await peer.client.listTools();
    assert.ok(tools.some(tool => tool.name === 'fs_read'));
    const result = await peer.client.callTool({ name: 'echo', arguments: { message: 'v1' } });
    assert.deepEqual(result.structuredContent, { message: 'v1' });
    const failed = await peer.client.callTool({ name: 'test_fail', arguments: { how: 'visible' } });
    assert.equal(failed.isError, true);
  });
});

describe('cancelling without a session', () => {
  const call = (id: number, label: string) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'test_wait', arguments: { label } },
  });
  const cancel = (id: number) => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });

  test('works by a notification in another request', async () => {
    await using server = await startTestServer();
    const answer = post(server.url, call(7, 'n')).then(messageOf);
    await server.watch.until(() => server.watch.started.includes('n'));
    assert.equal((await post(server.url, cancel(7))).status, 202);
    assert.match(JSON.stringify(await answer), /TASK_CANCELLED/);
  });

  test('does nothing where two calls have the id', async () => {
    await using server = await startTestServer();
    const answers = [post(server.url, call(1, 'a')).then(messageOf), post(server.url, call(1, 'b')).then(messageOf)];
    await server.watch.until(() => server.watch.started.length === 2);
    await post(server.url, cancel(1));
    server.watch.release();
    const [a, b] = await Promise.all(answers);
    assert.deepEqual([a.result.structuredContent, b.result.structuredContent], [{ label: 'a' }, { label: 'b' }]);
    assert.deepEqual(server.watch.cancelled, []);
  });

  test('does not happen when the client is lost: the work is finished', async () => {
    await using server = await startTestServer();
    const losing = new AbortController();
    const lost = post(server.url, call(1, 'lost'), { signal: losing.signal }).then(messageOf);
    await server.watch.until(() => server.watch.started.includes('lost'));
    losing.abort();
    await assert.rejects(lost);
    // Another round trip lets the server see that the connection is gone.
    await post(server.url, cancel(99));
    server.watch.release();
    assert.deepEqual(server.watch.cancelled, []);
  });
});

test('in the modern era closing the request cancels the call', async () => {
  await using server = await startTestServer();
  const closing = new AbortController();
  const params = { name: 'test_wait', arguments: { label: 'closed' } };
  const lost = postModern(server.url, { method: 'tools/call', params }, { signal: closing.signal });
  await server.watch.until(() => server.watch.started.includes('closed'));
  closing.abort();
  await assert.rejects(lost);
  await server.watch.until(() => server.watch.cancelled.includes('closed'));
});

test('a call that ended normally is not cancelled afterwards', async () => {
  await using server = await startTestServer();
  server.watch.release();
  const params = { name: 'test_wait', arguments: { label: 'done' } };
  await messageOf(await postModern(server.url, { method: 'tools/call', params }));
  await messageOf(await post(server.url, { jsonrpc: '2.0', id: 2, method: 'tools/call', params }));
  await messageOf(await postModern(server.url, { method: 'tools/list' }));
  assert.deepEqual(server.watch.cancelled, []);
});
