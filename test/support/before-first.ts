import { beforeEach } from 'node:test';

/**
 * Runs once, before the first test of the file that runs, and not at all where a name filter leaves none. Node's own `before` runs there
 * too, and its `after` never does, so that what was started would keep the process alive for ever.
 */
export function beforeFirst(start: () => Promise<void> | void, options?: { readonly timeout?: number }): void {
  let started: Promise<void> | undefined;
  beforeEach(() => {
    started ??= Promise.resolve().then(start);
    return started;
  }, options);
}
