import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** Asks until it holds; fails the test after `withinMs`. For what happens in another process and cannot be awaited. */
export async function eventually(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const until = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > until) assert.fail(`did not happen within ${withinMs / 1000} s`);
    await delay(50);
  }
}
