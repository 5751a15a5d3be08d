import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** Of what an agent complains about, the last. */
const COMPLAINTS_LENGTH = 4096;
const GRACE_MS = 2000;

/** Reads what a program writes to its standard error; gives the end of it. */
export function complaintsOf(stderr: Readable): () => string {
  let complaints = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-COMPLAINTS_LENGTH);
  });
  return () => complaints;
}

/** Closes the input of a program, and kills it when it is not `over` within `graceMs`. Settles when it is over, or when `kill` does. */
export async function askToEnd({
  stdin,
  over,
  kill,
  graceMs = GRACE_MS,
}: {
  stdin: Writable;
  over: Promise<unknown>;
  kill: () => unknown;
  graceMs?: number | undefined;
}): Promise<void> {
  stdin.end();
  const patience = new AbortController();
  const late = delay(graceMs, 'late', { signal: patience.signal }).catch(() => 'ended');
  const first = await Promise.race([over, late]);
  patience.abort();
  if (first === 'late') await kill();
}
