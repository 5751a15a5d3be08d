/** `npm run bench [name…]`: measures the budgets as ratios against baselines of the same run; writes JSON and prints a table. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { scratchDirectory, startServer } from '../test/support/server.ts';
import { auth } from './auth.ts';
import { cell, echoThroughput } from './calls.ts';
import { events } from './events.ts';
import { fleet } from './fleet.ts';
import { history } from './history.ts';
import { listing } from './listing.ts';
import { polling } from './polling.ts';
import { python } from './python.ts';
import { routed } from './routed.ts';
import { sessions } from './sessions.ts';
import { type Bench, type Measurement, asTable } from './support/measure.ts';

const benches: readonly Bench[] = [
  echoThroughput,
  auth,
  cell,
  python,
  events,
  listing,
  routed,
  history,
  polling,
  sessions,
  fleet,
];

const wanted = process.argv.slice(2);
const chosen = benches.filter(bench => wanted.length === 0 || wanted.includes(bench.name));
if (chosen.length === 0) {
  console.error(`no such bench; there are: ${benches.map(bench => bench.name).join(', ')}`);
  process.exit(2);
}

const scratch = await scratchDirectory();
const server = await startServer({ directory: scratch.path });
const measurements: Measurement[] = [];
try {
  for (const bench of chosen) {
    console.error(`measuring ${bench.name} …`);
    measurements.push(...(await bench.run(server)));
  }
} finally {
  await server.stop();
  await scratch.remove();
}

const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg() };
const folder = new URL('results/', import.meta.url);
await mkdir(folder, { recursive: true });
const file = new URL(`${new Date().toISOString().replaceAll(':', '-')}.json`, folder);
await writeFile(file, `${JSON.stringify({ machine, measurements }, null, 2)}\n`);
console.log(asTable(measurements));
process.exitCode = measurements.every(result => result.isMet) ? 0 : 1;
