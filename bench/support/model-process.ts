import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { LocalServer } from '../../test/support/local-server.ts';

const PROGRAM = fileURLToPath(new URL('model-program.ts', import.meta.url));

/** The scripted model in a process of its own, as models are: what the bench does meanwhile is not in its way. */
export async function startModelProcess(): Promise<LocalServer> {
  const child = fork(PROGRAM);
  const [origin] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the scripted model ended with ${code}`))),
  ]);
  return {
    origin: z.string().parse(origin),
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
