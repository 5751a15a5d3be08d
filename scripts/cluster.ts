/**
 * `npm run cluster`: a whole cluster on this machine, to look at and to break: nats-server, PostgreSQL, an S3-compatible service,
 * two hubs behind a balancer and three workers. Everything is on loopback and in a temporary directory; Ctrl-C ends and removes it.
 */
import { once } from 'node:events';
import { startCluster } from '../test/support/cluster.ts';

const cluster = await startCluster({ hubs: 2, workers: 3 });
const pids = (list: readonly { child: { pid?: number } }[]): string => list.map(({ child }) => child.pid).join(', ');
console.log(
  [
    `Boxswain cluster at ${cluster.url}/mcp`,
    `  hubs     ${cluster.hubs.map(hub => hub.url).join(', ')} (pid ${pids(cluster.hubs)})`,
    `  workers  ${cluster.workers.map(worker => worker.id).join(', ')} (pid ${pids(cluster.workers)})`,
    `  NATS     ${cluster.nats.url} (pid ${cluster.nats.pid})`,
    '',
    'Try: kill -9 one of them, and go on working. Ctrl-C ends all.',
  ].join('\n'),
);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await cluster.close();
