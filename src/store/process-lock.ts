const tails = new Map<string, Promise<void>>();

/**
 * Waits for its turn with what `key` names, within this process; call what it returns to pass the turn on. Two connections of
 * one process to one SQLite file need it: a synchronous wait for the other's lock would stop the other, too.
 */
export async function acquireInProcess(key: string): Promise<() => void> {
  const before = tails.get(key);
  const mine = Promise.withResolvers<void>();
  tails.set(key, mine.promise);
  await before;
  return () => {
    if (tails.get(key) === mine.promise) tails.delete(key);
    mine.resolve();
  };
}

/** Somebody has the turn with what `key` names, or waits for it. */
export const isHeldInProcess = (key: string): boolean => tails.has(key);
