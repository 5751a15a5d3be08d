import { setImmediate } from 'node:timers/promises';

/** Rows deleted in one transaction, so that a large sweep does not keep writers waiting. */
const STEP = 2000;

/** Repeats a deletion of at most `limit` rows until it finds no more; the number of rows deleted. */
export async function pruneInSteps(step: (limit: number) => Promise<{ numDeletedRows: bigint }>): Promise<number> {
  let pruned = 0;
  while (true) {
    const { numDeletedRows } = await step(STEP);
    pruned += Number(numDeletedRows);
    if (numDeletedRows < STEP) return pruned;
    // The embedded database works on this thread; let other work in between.
    await setImmediate();
  }
}
