import { after, before } from 'node:test';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import type { Fabric } from '../fabric.ts';
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
