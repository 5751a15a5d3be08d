import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import { type Fabric, NotPermitted } from '../fabric.ts';
import { fabricContract } from '../fabric-contract.ts';
import { connectNats } from './nats-fabric.ts';

let server: NatsServer;
before(async () => {
  server = await startNats();
});
after(() => server.close());

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
