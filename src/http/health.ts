import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import { renderMetrics } from '../telemetry/metrics.ts';

export interface Readiness {
  readonly isReady: boolean;
  /** For the answer's body: why not, or what there is. */
  readonly facts: Readonly<Record<string, string | number>>;
}

/** A hub is ready when the store answers and a worker has joined. */
export async function readinessOf(hub: Hub, log: Log): Promise<Readiness> {
  try {
    const { length: workers } = await hub.workers.list();
    return workers > 0 ? ready({ workers }) : notReady('no worker has joined');
  } catch (error) {
    log.error({ err: error }, 'the store does not answer');
    return notReady('the store does not answer');
  }
}

const ready = (facts: Readiness['facts']): Readiness => ({ isReady: true, facts: { status: 'ready', ...facts } });
const notReady = (reason: string): Readiness => ({ isReady: false, facts: { status: 'not ready', reason } });

/** A worker is ready while it has its place among the hub's workers. */
export const workerReadiness = (isReady: boolean): Readiness =>
  isReady ? ready({}) : notReady('no hub was heard for most of the lease');

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  readiness(): Readiness | Promise<Readiness>;
}

/**
 * Answers `/healthz`, `/readyz` and `/metrics`, and nothing else, to whoever reaches the address: for the probes and scrapers of
 * machines, which have no credential. None of it tells of callers or of what they do. Throws AppError when the port cannot be had.
 */
export async function startHealth({ host, port, log, readiness }: HealthOptions): Promise<{
  url: string;
  close(): Promise<void>;
}> {
  const routes: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    '/healthz': response => answer(response, 200, { status: 'ok' }),
    '/readyz': async response => {
      const { isReady, facts } = await readiness();
      answer(response, isReady ? 200 : 503, facts);
    },
    '/metrics': async response => {
      const { contentType, body } = await renderMetrics();
      response.writeHead(200, { 'content-type': contentType }).end(body);
    },
  };
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, ({ method, url = '' }, response) => {
    const route = routes[url.split('?', 1)[0] ?? ''];
    if (route === undefined) return answer(response, 404, { error: 'no such route' });
    if (method !== 'GET' && method !== 'HEAD') return answer(response, 405, { error: 'only GET is answered here' });
    Promise.resolve(route(response)).catch((error: unknown) => {
      log.error({ err: error }, 'a health request failed');
      if (!response.headersSent) answer(response, 500, { error: 'internal error' });
    });
  });
  server.maxConnections = 64;
  server.listen({ host, port });
  await once(server, 'listening').catch(cause => {
    throw new AppError('VALIDATION_ERROR', `cannot listen for health checks on ${host}, port ${port}`, {
      hint: 'choose another address with health.host and health.port',
      cause,
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has no port');
  return {
    url: `http://${bound.address.includes(':') ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, status: number, body: Readonly<Record<string, string | number>>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
