import { after, beforeEach } from 'node:test';

/*
 * Where a name filter leaves none of a file's tests, Node's own `before` runs all the same, and its `after` only once nothing keeps the
 * process alive any more: what was started waits for ever to be ended.
 */

type Limit = { readonly timeout?: number };

let hasBegun = false;

/** Runs once, before the first test of the file that runs, and not at all when none does. */
export function beforeFirst(start: () => PromiseLike<void> | void, limit?: Limit): void {
  let started: Promise<void> | undefined;
  beforeEach(() => {
    hasBegun = true;
    started ??= Promise.resolve().then(start);
    return started;
  }, limit);
}

/** Runs after the last test of the file, when what `beforeFirst` was given has begun. */
export function afterLast(end: () => PromiseLike<void> | void, limit?: Limit): void {
  after(async () => {
    if (hasBegun) await end();
  }, limit);
}
