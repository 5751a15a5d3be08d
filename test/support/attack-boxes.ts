/** Attacks boxes below the given directory and puts out the results as JSON. Imports little, so that any user can run a copy. */
import type { Log } from '../../src/log/log.ts';
import { createBubblewrapEngine } from '../../src/worker/sandbox/engines/bubblewrap/engine.ts';
import { runAttacks } from '../../src/worker/sandbox/attack/run-attacks.ts';

const ignore = () => {};
const log: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => log };

const directory = process.argv[2] ?? '';
const engine = createBubblewrapEngine({ directory, log });
const results = await runAttacks({ engine, directory, log });
await engine.close();
process.stdout.write(JSON.stringify(results));
