import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import { type Fabric, NotPermitted } from '../fabric.ts';
import { fabricContract } from '../fabric-contract.ts';
import { connectNats } from './nats-fabric.ts';

let server: NatsServer;
beforeFirst(async () => {
  server = await startNats();
});
afterLast(() => server.close());

fabricContract('over NATS', async () => {
  const open: Fabric[] = [];
  return {
    connect: async identity => {
      const fabric = await connectNats({ servers: [server.url], identity, log: silentLog });
      open.push(fabric);
      return fabric;
    },
    close: async () => {
      await Promise.all(open.map(fabric => fabric.close()));
    },
  };
});

it('says that the broker does not permit a request, a gathering or a service', async () => {
  const permissions = `permissions: { publish: { deny: ["w.>"] }, subscribe: { deny: ["h.*.rpc"] } }`;
  const strict = await startNats({
    config: () => `authorization { users: [{ user: any, password: "", ${permissions} }] }, no_auth_user: any`,
  });
  const hub = await connectNats({ servers: [strict.url], identity: { hub: 'h1' }, log: silentLog });
  const body = new Uint8Array();
  await assert.rejects(hub.request({ worker: 'w1' }, body, { timeoutMs: 60_000 }), NotPermitted);
  await assert.rejects(async () => {
    for await (const answer of hub.gather({ workers: 'all' }, body, { deadlineMs: 60_000 })) assert.fail(answer.from);
  }, NotPermitted);
  await assert.rejects(
    hub.serve({ hub: 'any' }, async () => body),
    NotPermitted,
  );
  await hub.close();
  await strict.close();
});

it('a worker gives an answer again to a hub that has missed it, and says what it does not have', async () => {
  const worker = await connectNats({ servers: [server.url], identity: { worker: 'w1' }, log: silentLog });
  let handled = 0;
  await worker.serve({ worker: 'w1' }, async body => {
    handled += 1;
    return body;
  });
  const hub = await connect({ servers: server.url });
  const answers = hub.subscribe('h.w1.answer.aa.*')[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await answers.next();
    return [value?.subject.split('.').at(-1), value?.string().slice(1)];
  };
  hub.publish('w.w1.rpc', 'hello', { reply: '_INBOX_h1.aa.1' });
  assert.deepEqual(await next(), ['1', 'hello']);
  hub.publish('w.w1.inquiry', '[1,2]', { reply: '_INBOX_h1.aa.3' });
  assert.deepEqual(await next(), ['1', 'hello']);
  assert.deepEqual(await next(), ['3', '[2]']);
  assert.equal(handled, 1);
  await Promise.all([hub.close(), worker.close()]);
});
