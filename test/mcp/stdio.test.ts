import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { silentLog } from '../../src/log/log.ts';
import { serveStdio } from '../../src/mcp/stdio.ts';
import { MODERN } from './clients.ts';
import { standInOperations, Watch } from './stand-in.ts';
import { standInHub } from './stand-in-hub.ts';

/** One client at the other end of stdin and stdout. */
function startPeer() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const [hub, watch, stopping] = [standInHub(), new Watch(), new AbortController()];
  const served = serveStdio({
    hub,
    operations: standInOperations(watch),
    log: silentLog,
    version: '0',
    signal: stopping.signal,
    input,
    output,
  });
  const answers = new Map<unknown, (message: Message) => void>();
  const notes: Message[] = [];
  let text = '';
  output.setEncoding('utf8').on('data', chunk => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const message: Message = JSON.parse(line);
      if (message.id === undefined) notes.push(message);
      answers.get(message.id)?.(message);
    }
  });
  let nextId = 0;
  return {
    hub,
    watch,
    served,
    input,
    stopping,
    notes,
    send: (message: object) => void input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    request(method: string, params: object = {}) {
      nextId++;
      const id = nextId;
      const answer = new Promise<Message>(resolve => answers.set(id, resolve));
      input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
      return { id, answer };
    },
  };
}

/** What came over the wire: assertions look at it as it is. */
type Message = ReturnType<typeof JSON.parse>;

const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
const modern = {
  _meta: {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  },
};

for (const era of ['legacy', 'modern'] as const) {
  describe(`a stdio connection of the ${era} era`, () => {
    const envelope = era === 'modern' ? modern : {};
    const open = async () => {
      const peer = startPeer();
      if (era === 'legacy') await peer.request('initialize', initialize).answer;
      else await peer.request('server/discover', modern).answer;
      return peer;
    };
    const call = (name: string, args: object) => ({ name, arguments: args, ...envelope });

    test('lists and calls', async () => {
      const peer = await open();
      const listed = await peer.request('tools/list', envelope).answer;
      assert.ok(listed.result.tools.length > 20);
      const { result } = await peer.request('tools/call', call('echo', { message: 'x' })).answer;
      assert.deepEqual(result.structuredContent, { message: 'x' });
      peer.input.end();
      await peer.served;
    });

    test('has one default workspace, which ends with it', async () => {
      const peer = await open();
      const list = async () =>
        (await peer.request('tools/call', call('artifact.list', {})).answer).result.structuredContent.workspace_id;
      assert.equal(await list(), await list());
      assert.deepEqual(peer.hub.closedConnections, []);
      peer.input.end();
      await peer.served;
      assert.equal(peer.hub.closedConnections.length, 1);
    });

    test('cancels a call by notification', async () => {
      const peer = await open();
      const { id } = peer.request('tools/call', call('test_wait', { label: 'w' }));
      await peer.watch.until(() => peer.watch.started.length === 1);
      peer.send({ method: 'notifications/cancelled', params: { requestId: id, ...envelope } });
      await peer.watch.until(() => peer.watch.cancelled.includes('w'));
      peer.input.end();
      await peer.served;
    });

    test('cancels what still runs when it ends', async () => {
      const peer = await open();
      peer.request('tools/call', call('test_wait', { label: 'w' }));
      await peer.watch.until(() => peer.watch.started.length === 1);
      peer.input.end();
      await peer.served;
      await peer.watch.until(() => peer.watch.cancelled.includes('w'));
    });

    test('runs calls in the order in which they came', async () => {
      const peer = await open();
      const labels = Array.from({ length: 20 }, (_, at) => `l${at}`);
      for (const label of labels) peer.request('tools/call', call('test_wait', { label }));
      await peer.watch.until(() => peer.watch.started.length === labels.length);
      assert.deepEqual(peer.watch.started, labels);
      peer.input.end();
      await peer.served;
    });

    test('lives on after a line that is no message', async () => {
      const peer = await open();
      peer.input.write('nonsense\n{"jsonrpc":"2.0"}\n[]\n');
      const { result } = await peer.request('tools/call', call('echo', { message: 'x' })).answer;
      assert.deepEqual(result.structuredContent, { message: 'x' });
      peer.input.end();
      await peer.served;
    });

    test('ends from this side as well', async () => {
      const peer = await open();
      peer.stopping.abort();
      await peer.served;
      assert.equal(peer.hub.closedConnections.length, 1);
    });
  });
}

test('an initialize over stdio whose parameters do not fit is told what to mend, and may come again', async () => {
  const peer = startPeer();
  for (const params of [{}, { ...initialize, protocolVersion: 7 }, { ...initialize, clientInfo: 'me' }]) {
    const { error } = await peer.request('initialize', params).answer;
    assert.equal(error.code, -32602);
    assert.match(error.message, /^Invalid params for initialize: (protocolVersion|clientInfo): expected/);
    assert.doesNotMatch(JSON.stringify(error), /zod|invalid_type|"path"/i);
  }
  const { result } = await peer.request('initialize', initialize).answer;
  assert.equal(result.serverInfo.name, 'boxswain');
  peer.input.end();
  await peer.served;
});
