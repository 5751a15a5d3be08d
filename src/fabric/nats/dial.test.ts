import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import { BrokerUnavailable } from './dial.ts';
import { connectNats } from './nats-fabric.ts';

const options = { identity: { hub: 'h1' }, log: silentLog } as const;

let server: NatsServer;
beforeFirst(async () => {
  server = await startNats();
});
afterLast(() => server.close());

/** An address where nobody listens. */
async function deadUrl(): Promise<string> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  return `nats://user:secret@127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

it('a broker that is not there is said to be so, within the bound and without secrets', async () => {
  const servers = [await deadUrl()];
  await assert.rejects(connectNats({ ...options, servers, firstConnectMs: 300 }), error => {
    assert.ok(error instanceof BrokerUnavailable);
    assert.match(error.message, /no NATS server at nats:\/\/127\.0\.0\.1:\d+ within 300 ms/);
    return true;
  });
});

it('a broker that comes later is waited for', async () => {
  const late = await startNats();
  await late.kill();
  const joining = connectNats({ ...options, servers: [late.url] });
  await late.restart();
  const fabric = await joining;
  assert.equal((await fabric.health()).connected, true);
  await fabric.close();
  await late.close();
});

it('the wait ends with the signal', async () => {
  const signal = AbortSignal.timeout(20);
  await assert.rejects(connectNats({ ...options, servers: [await deadUrl()], signal }));
});

it('one that is up is found among those that are down', async () => {
  const fabric = await connectNats({ ...options, servers: [await deadUrl(), server.url] });
  assert.equal((await fabric.health()).connected, true);
  await fabric.close();
});

it('an encrypted address is never answered in the clear', async () => {
  const servers = [server.url.replace('nats:', 'tls:')];
  await assert.rejects(connectNats({ ...options, servers, firstConnectMs: 300 }), BrokerUnavailable);
});

it('no address, both kinds of address, and a second kind in one process are refused', async () => {
  await assert.rejects(connectNats({ ...options, servers: [] }), /no NATS server is configured/);
  await assert.rejects(connectNats({ ...options, servers: [server.url, server.webSocketUrl] }), /all nats:/);
  await assert.rejects(connectNats({ ...options, servers: [server.webSocketUrl] }), /already talks to NATS over tcp/);
});

it('a broker that takes small messages only is refused', async () => {
  const small = await startNats({ config: () => 'max_payload: 128KB' });
  await assert.rejects(connectNats({ ...options, servers: [small.url] }), /max_payload/);
  await small.close();
});
