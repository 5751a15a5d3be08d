import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { createTerminal } from './cli/output.ts';
import { runProgram } from './cli/program.ts';
import { allOperations, operatorOperations } from './operations/registry.ts';
import { createRoles } from './roles.ts';

const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')));

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
  });
}
/** A reader that went away, such as `head`, is no failure. */
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0);
  throw error;
});

await runProgram(process.argv.slice(2), {
  version,
  operations: [...allOperations, ...operatorOperations],
  roles: createRoles({ version, env: process.env }),
  terminal: createTerminal(),
  env: process.env,
  signal: stopping.signal,
  readStdin: () => text(process.stdin),
});
