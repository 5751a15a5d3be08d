import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../test/support/server.ts';
import { type Bench, measurement } from './support/measure.ts';
import { rawClient } from './support/raw-client.ts';
import { median, throughput, timeEach } from './support/statistics.ts';

const CONNECTIONS = 16;
const ROUNDS = 3;
const SECONDS = 4;
const WARM_CALLS = 4_000;
/** Where the system puts the process of a context tells on each of its cells, so one is not enough. */
const CONTEXTS = ['one', 'two', 'three'];

/** `echo` over HTTP with all tools on, against the SDK's own low-level server with one tool. Rounds alternate; medians count. */
export const echoThroughput: Bench = {
  name: 'echo',
  run: async server => {
    const baseline = spawn(process.execPath, [fileURLToPath(new URL('support/sdk-server.ts', import.meta.url))], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: baseline.stdout }), 'line');
    const theirs = rawClient(String(line).replace(/.*listening on /, ''), CONNECTIONS);
    const ours = rawClient(server.url, CONNECTIONS);
    const echo = (client: typeof ours) => () => client.call('echo', { message: 'hello' });
    const samples: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    for (const client of [ours, theirs]) await throughput(echo(client), { connections: CONNECTIONS, seconds: 2 });
    for (let round = 0; round < ROUNDS; round++) {
      samples.theirs.push(await throughput(echo(theirs), { connections: CONNECTIONS, seconds: SECONDS }));
      samples.ours.push(await throughput(echo(ours), { connections: CONNECTIONS, seconds: SECONDS }));
    }
    for (const client of [ours, theirs]) client.close();
    baseline.kill();
    return [
      measurement({
        name: 'echo throughput, 16 connections',
        unit: 'calls/s',
        baseline: 'SDK low-level server, one tool',
        value: median(samples.ours),
        baselineValue: median(samples.theirs),
        budget: { atLeast: 0.8 },
      }),
    ];
  },
};

/** A stateful cell against `echo`, both one after another over HTTP. */
export const cell: Bench = {
  name: 'cell',
  run: async server => {
    const client = rawClient(server.url, 1);
    const { workspace_id } = await client.call('workspace_create', {});
    const cellIn = (context: string) => () => client.call('run_python', { workspace_id, context, code: '1 + 1' });
    const echoCall = () => client.call('echo', { message: 'hello' });
    const samples: { cell: number[]; echo: number[] } = { cell: [], echo: [] };
    // Both as a server that is up for a while does them: `echo` has just been called some ten thousand times.
    for (const call of [echoCall, ...CONTEXTS.map(cellIn)]) await timeEach(call, { count: WARM_CALLS });
    for (let round = 0; round < 2 * ROUNDS; round++) {
      for (const context of CONTEXTS) {
        samples.echo.push(...(await timeEach(echoCall, { count: 200, warmUp: 20 })));
        samples.cell.push(...(await timeEach(cellIn(context), { count: 200, warmUp: 20 })));
      }
    }
    await client.call('workspace_delete', { workspace_id });
    client.close();
    return [
      measurement({
        name: 'cell in a stateful context, p50',
        unit: 'ms',
        baseline: 'echo over HTTP',
        value: median(samples.cell),
        baselineValue: median(samples.echo),
        budget: { atMost: 2 },
      }),
    ];
  },
};
