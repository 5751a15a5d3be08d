/**
 * Imported into a server under test, which runs with `--expose-gc`: at SIGUSR2 it collects what nobody refers to, and writes what is
 * left, in bytes, to the file that `BOXSWAIN_TEST_MEMORY_FILE` names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const PASSES = 4;
/** What has a finalizer holds more until that has run, which is some time after a collection. Every request over HTTP has one. */
const FINALIZERS_MS = 100;

const path = process.env.BOXSWAIN_TEST_MEMORY_FILE;
if (path) {
  process.on('SIGUSR2', async () => {
    for (let pass = 0; pass < PASSES; pass++) {
      globalThis.gc?.();
      await setTimeout(FINALIZERS_MS);
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    writeFileSync(`${path}.new`, JSON.stringify({ liveBytes: heapUsed + external, residentBytes: rss }));
    renameSync(`${path}.new`, path);
  });
}
