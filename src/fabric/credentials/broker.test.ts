import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import { type Fabric, NobodyThere, NotPermitted } from '../fabric.ts';
import { fabricContract } from '../fabric-contract.ts';
import type { Identity } from '../identity.ts';
import { authenticatorFor, BrokerUnavailable } from '../nats/dial.ts';
import { connectNats, type NatsFabric } from '../nats/nats-fabric.ts';
import { announceAccount } from './announce.ts';
import { Authority } from './authority.ts';
import { natsServerConfig } from './server-config.ts';

let directory: string;
let authority: Authority;
let server: NatsServer;

/** What the support module and the configuration both say about addresses stays with the former. */
const configOf = async (): Promise<string> => {
  const whole = await natsServerConfig(authority, { resolverDirectory: join(directory, 'resolver') });
  return whole.replace(/^listen:.*$/m, '');
};

beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'authority-'));
  authority = await Authority.open(join(directory, 'keys'));
  const config = await configOf();
  server = await startNats({ config: () => config });
});
afterLast(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()));
});

async function enter(identity: Identity, credentials?: string): Promise<NatsFabric> {
  const text = credentials ?? (await authority.issue(identity)).text;
  const fabric = await connectNats({ servers: [server.url], identity, credentials: text, log: silentLog });
  opened.push(fabric);
  return fabric;
}

/** A client that keeps to no rule of its own: only the broker stands in its way. */
async function rawWorker(id: string): Promise<{ client: NatsConnection; refused: () => Promise<string> }> {
  const { text } = await authority.issue({ worker: id });
  const client = await connect({ servers: server.url, authenticator: authenticatorFor(text) });
  opened.push(client);
  const errors = client.status()[Symbol.asyncIterator]();
  const refused = async () => {
    for (let next = await errors.next(); !next.done; next = await errors.next())
      if (next.value.type === 'error') return next.value.error.message;
    return 'the connection was closed';
  };
  return { client, refused };
}

/** The broker takes the newer of two accounts, by whole seconds. */
const nextSecond = (): Promise<void> => delay(1_000 - (Date.now() % 1_000));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const long = 60_000;

fabricContract('over NATS with credentials', async () => {
  const open: Fabric[] = [];
  return {
    connect: async identity => {
      const { text } = await authority.issue(identity);
      const fabric = await connectNats({ servers: [server.url], identity, credentials: text, log: silentLog });
      open.push(fabric);
      return fabric;
    },
    close: async () => {
      await Promise.all(open.map(fabric => fabric.close()));
    },
  };
});

describe('the broker refuses', () => {
  it('a connection without a credential, and one by another authority', async () => {
    const ask = { servers: [server.url], identity: { worker: 'w1' }, log: silentLog };
    await assert.rejects(connectNats(ask), BrokerUnavailable);
    const other = await Authority.open(join(directory, 'other'));
    const { text } = await other.issue({ worker: 'w1' });
    await assert.rejects(connectNats({ ...ask, credentials: text }), /refused the credential/);
  });

  it('a worker that joins as another', async () => {
    const { text } = await authority.issue({ worker: 'w2' });
    await assert.rejects(enter({ worker: 'w1' }, text), NotPermitted);
  });

  it('a worker that joins as a hub', async () => {
    const { text } = await authority.issue({ worker: 'w2' });
    await assert.rejects(enter({ hub: 'w2' }, text), NotPermitted);
  });

  it('a worker that asks a hub, answers or reports as another', async () => {
    const hub = await enter({ hub: 'h1' });
    await hub.serve({ hub: 'any' }, async (_body, from) => bytes(from));
    const { client, refused } = await rawWorker('w2');
    for (const subject of ['h.w1.rpc', 'h.w1.answer.00.1', 't.w1.task:1', 'w.w1.rpc', 'w.all.rpc', '_INBOX_h1.x']) {
      client.publish(subject, 'x', { reply: '_INBOX_w2.aa.1' });
      assert.match(await refused(), new RegExp(`Publish to "${subject.replaceAll('.', '\\.')}"`, 'i'), subject);
    }
  });

  it('a worker that listens to what is meant for another', async () => {
    const { client, refused } = await rawWorker('w2');
    for (const subject of ['w.w1.rpc', 'w.*.rpc', 'h.*.rpc', 't.w1.task:1', '_INBOX_h1.>', '_INBOX_w1.>', '>']) {
      client.subscribe(subject, { callback: () => {} });
      assert.match(await refused(), /Subscription to/i, subject);
    }
  });

  it('an unasked message to the inbox of a hub, also from one that was asked', async () => {
    const hub = await enter({ hub: 'h1' });
    const { client, refused } = await rawWorker('w2');
    const inbox = Promise.withResolvers<string>();
    client.subscribe('w.w2.rpc', { callback: (_error, message) => inbox.resolve(message.reply ?? '') });
    await client.flush();
    const answer = hub.request({ worker: 'w2' }, bytes('x'), { timeoutMs: long });
    const closed = assert.rejects(answer, /closed/);
    client.publish(await inbox.promise, 'unasked');
    assert.match(await refused(), /Publish to "_INBOX_h1\./i);
    await hub.close();
    await closed;
  });
});

describe('a hub takes no notice of', () => {
  it('an answer by a worker that was not asked', async () => {
    const hub = await enter({ hub: 'h1' });
    const asked = await rawWorker('w1');
    const other = await rawWorker('w2');
    const reply = Promise.withResolvers<string>();
    asked.client.subscribe('w.w1.rpc', { callback: (_error, message) => reply.resolve(message.reply ?? '') });
    await asked.client.flush();
    const answer = hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long });
    const [, nonce, request] = (await reply.promise).split('.');
    other.client.publish(`h.w2.answer.${nonce}.${request}`, '\0forged');
    await other.client.flush();
    asked.client.publish(`h.w1.answer.${nonce}.${request}`, '\0true');
    assert.equal(new TextDecoder().decode(await answer), 'true');
  });

  it('a request that wants its answer sent to somebody else', async () => {
    const hub = await enter({ hub: 'h1' });
    const heard: string[] = [];
    await hub.serve({ hub: 'any' }, async (_body, from) => bytes(heard.push(from) ? 'answer' : ''));
    const { client } = await rawWorker('w2');
    for (const reply of ['w.w1.rpc', 'w.all.rpc', '_INBOX_w1.aa.1', 't.w1.task:1', 'h.w1.rpc']) {
      client.publish('h.w2.rpc', 'x', { reply });
    }
    const answered = Promise.withResolvers<void>();
    client.subscribe('_INBOX_w2.aa.1', { callback: () => answered.resolve() });
    client.publish('h.w2.rpc', 'x', { reply: '_INBOX_w2.aa.1' });
    await answered.promise;
    assert.deepEqual(heard, ['w2']);
  });
});

describe('a credential that has an end', () => {
  it('ends the connection then, and opens none after it', async () => {
    const hub = await enter({ hub: 'h1' });
    const { text } = await authority.issue({ worker: 'w1' }, { expiresAt: Date.now() + 6_000 });
    const worker = await enter({ worker: 'w1' }, text);
    await worker.serve({ worker: 'w1' }, async () => bytes('here'));
    assert.ok((await hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long })).byteLength > 0);
    await eventually(async () => !(await worker.health()).connected, 20_000);
    await eventually(async () => {
      const asked = hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long });
      return await asked.then(
        () => false,
        (error: unknown) => error instanceof NobodyThere,
      );
    });
    // The end is told in whole seconds, and its own second still counts.
    await nextSecond();
    await assert.rejects(enter({ worker: 'w1' }, text), /refused the credential/);
  });
});

describe('revoking', () => {
  it('ends the connection at once and for good, and leaves the worker its other credential', async () => {
    const hub = await enter({ hub: 'h1' });
    const [stolen, kept] = [await authority.issue({ worker: 'w1' }), await authority.issue({ worker: 'w1' })];
    const worker = await enter({ worker: 'w1' }, stolen.text);
    await worker.serve({ worker: 'w1' }, async () => bytes('stolen'));
    const ask = async () => String(Buffer.from(await hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long })));
    assert.equal(await ask(), 'stolen');

    await authority.revoke(stolen.publicKey);
    assert.deepEqual(await announceAccount(authority, { servers: [server.url] }), { servers: 1 });
    await assert.rejects(ask(), NobodyThere);
    await eventually(async () => /authorization violation/i.test((await worker.health()).trouble ?? ''));
    await assert.rejects(enter({ worker: 'w1' }, stolen.text), /refused the credential/);
    const again = await enter({ worker: 'w1' }, kept.text);
    await again.serve({ worker: 'w1' }, async () => bytes('kept'));
    assert.equal(await ask(), 'kept');
  });

  it('outlives a restart of the broker with the configuration of before', async () => {
    const stolen = await authority.issue({ worker: 'w1' });
    await nextSecond();
    await authority.revoke(stolen.publicKey);
    await announceAccount(authority, { servers: [server.url] });
    await server.kill();
    await server.restart();
    await assert.rejects(enter({ worker: 'w1' }, stolen.text), /refused the credential/);
    await enter({ worker: 'w1' });
  });

  it('says so when the broker does not know the authority', async () => {
    const other = await Authority.open(join(directory, 'other'));
    await assert.rejects(announceAccount(other, { servers: [server.url] }), BrokerUnavailable);
  });
});
