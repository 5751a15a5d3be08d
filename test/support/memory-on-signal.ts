/**
 * Imported into a server under test, which runs with `--expose-gc`: at SIGUSR2 it collects what nobody refers to, and writes what is
 * left, in bytes, to the file that `BOXSWAIN_TEST_MEMORY_FILE` names.
 */
import { renameSync, writeFileSync } from 'node:fs';

const path = process.env.BOXSWAIN_TEST_MEMORY_FILE;
if (path) {
  process.on('SIGUSR2', () => {
    for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    writeFileSync(`${path}.new`, JSON.stringify({ liveBytes: heapUsed + external, residentBytes: rss }));
    renameSync(`${path}.new`, path);
  });
}
