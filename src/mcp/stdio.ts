import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { serveStdio as serveConnection, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { type Caller, localCaller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import type { Operation } from '../operations/operation.ts';
import { createCatalogues } from './catalogue.ts';
import { pollMemory } from './poll-memory.ts';
import { ActiveCalls, RunningCalls } from './running-calls.ts';
import { EVERYTHING } from './selection.ts';
import { createServer, type ServerParts } from './server.ts';

export interface StdioOptions {
  readonly hub: Hub;
  readonly operations: readonly Operation[];
  readonly log: Log;
  readonly version: string;
  /** Aborted to end the connection from this side. */
  readonly signal: AbortSignal;
  /** Default: this process's stdin and stdout. Nothing else may write to stdout. */
  readonly input?: Readable;
  readonly output?: Writable;
  readonly caller?: Caller;
  readonly extend?: ServerParts['extend'];
}

const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

/** Serves one client over stdio in whichever era it opens. Resolves when the connection has ended and is cleaned up. */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const { hub, log, version, extend, caller = localCaller } = options;
  const connection = { id: randomUUID() };
  const polls = pollMemory(options);
  // Not waited for: a client that goes away meanwhile would not be noticed.
  const begun = polls.begun(connection);
  const catalogue = createCatalogues(options.operations).of(EVERYTHING);
  const parts: ServerParts = {
    hub,
    log,
    version,
    extend,
    runningCalls: new RunningCalls(),
    activeCalls: new ActiveCalls(),
  };
  const transport = new StdioServerTransport(options.input, options.output, { maxBufferSize: MAX_MESSAGE_BYTES });
  const served = serveConnection(
    ({ era }) => createServer(parts, { era, surface: 'stdio', catalogue, connection, callerOf: () => caller }),
    { transport, onerror: error => log.debug({ err: error }, 'MCP message could not be served') },
  );
  const ended = new Promise<void>(resolve => {
    const closeConnection = transport.onclose;
    transport.onclose = () => {
      closeConnection?.();
      resolve();
    };
  });
  const stop = (): void => void served.close();
  if (options.signal.aborted) stop();
  options.signal.addEventListener('abort', stop, { once: true });
  await ended;
  options.signal.removeEventListener('abort', stop);
  await begun;
  await polls.ended(connection);
  await hub.workspaces.connectionClosed(connection, caller);
}
