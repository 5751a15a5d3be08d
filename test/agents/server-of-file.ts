import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

/** Starts a server in a directory of its own before the first test of the file, and ends it after the last; gives what has its address. */
export function serverOfFile(limit: { readonly timeout: number }): () => RunningServer {
  let server: RunningServer | undefined;
  let scratch: Awaited<ReturnType<typeof scratchDirectory>> | undefined;
  beforeFirst(async () => {
    scratch = await scratchDirectory();
    server = await startServer({ directory: scratch.path });
  }, limit);
  afterLast(async () => {
    await server?.stop();
    await scratch?.remove();
  }, limit);
  return () => {
    if (server === undefined) throw new Error('the server did not start');
    return server;
  };
}
