/**
 * `npm run cluster`: a whole cluster on this machine, to look at and to break: nats-server, PostgreSQL, an S3-compatible service,
 * two hubs behind a balancer and three workers. Everything is on loopback and in a temporary directory; Ctrl-C ends and removes it.
 */
import { once } from 'node:events';
import { startCluster } from '../test/support/cluster.ts';

const cluster = await startCluster({ hubs: 2, workers: 3 });
const { hubs, workers, nats, postgres, services, url } = cluster;
const line = (name: string, where: string, pid: number | undefined): string =>
  `  ${name.padEnd(10)} ${where.padEnd(28)} pid ${pid}`;
const nameOf = ({ directory }: { directory: string }): string => directory.split('/').at(-1) ?? '';
console.log(
  [
    `Boxswain cluster behind a balancer: ${url}/mcp`,
    '',
    ...hubs.map(hub => line(nameOf(hub), hub.url, hub.child.pid)),
    ...workers.map(worker => line(worker.id, '', worker.child.pid)),
    line('NATS', nats.url, nats.pid),
    line('PostgreSQL', 'on a unix socket', postgres.pid),
    line('S3', services.s3.endpoint, process.pid),
    '',
    'Use it:',
    `  claude mcp add --transport http boxswain ${url}/mcp`,
    `  curl -s ${url}/api/operations/run_python -H 'content-type: application/json' -d '{"code":"print(6 * 7)"}'`,
    `  curl -s ${url}/api/workers`,
    `  boxswain sandbox python 'print(6 * 7)' --directory ${hubs[0]?.directory}`,
    'Break it: kill -9 a hub or a worker, and go on. Ctrl-C ends all and removes it.',
  ].join('\n'),
);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await cluster.close();
