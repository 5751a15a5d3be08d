import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** Asks until it holds; fails the test after ten seconds. For what happens in another process and cannot be awaited. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > until) assert.fail('did not happen within 10 s');
    await delay(50);
  }
}
