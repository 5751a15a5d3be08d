import { setTimeout as delay } from 'node:timers/promises';

/** Waits for the promise, however it settles, but no longer than that. Whether it settled. */
export async function settledWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = delay(ms, false, { signal: over.signal }).catch(() => false);
  const settled = promise.then(
    () => true,
    () => true,
  );
  const isSettled = await Promise.race([settled, late]);
  over.abort();
  return isSettled;
}
