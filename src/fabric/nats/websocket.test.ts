import { it } from 'node:test';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import type { Fabric } from '../fabric.ts';
import { fabricContract } from '../fabric-contract.ts';
import { connectNats } from './nats-fabric.ts';

let server: NatsServer;
beforeFirst(async () => {
  server = await startNats();
});
afterLast(() => server.close());

fabricContract('over NATS and WebSocket', async () => {
  const open: Fabric[] = [];
  return {
    connect: async identity => {
      const fabric = await connectNats({ servers: [server.webSocketUrl], identity, log: silentLog });
      open.push(fabric);
      return fabric;
    },
    close: async () => {
      await Promise.all(open.map(fabric => fabric.close()));
    },
  };
});

it('comes back when the broker was killed', async () => {
  const hub = await connectNats({ servers: [server.webSocketUrl], identity: { hub: 'h1' }, log: silentLog });
  const worker = await connectNats({ servers: [server.webSocketUrl], identity: { worker: 'w1' }, log: silentLog });
  await worker.serve({ worker: 'w1' }, async body => body);
  await server.kill();
  await eventually(async () => !(await hub.health()).connected);
  await server.restart();
  const ask = () => hub.request({ worker: 'w1' }, Uint8Array.of(1), { timeoutMs: 60_000 });
  await eventually(() =>
    ask().then(
      answer => answer[0] === 1,
      () => false,
    ),
  );
  await Promise.all([hub.close(), worker.close()]);
});
