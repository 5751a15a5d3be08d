import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../test/support/server.ts';
import { type Bench, measurement } from './support/measure.ts';
import { type RawClient, rawClient } from './support/raw-client.ts';
import { median, throughput, timeEach } from './support/statistics.ts';

const CONNECTIONS = 16;
const ROUNDS = 3;
/** One process of the same server may be half as quick again as another, as its compiler chose. */
const BASELINES = 3;
/** A machine is quicker in some seconds than in others, so these are short and many. */
const ECHO_ROUNDS = 15;
const WARM_SECONDS = 8;
const ECHO_SECONDS = 0.4;
const WARM_CALLS = 4_000;
/** Where the system puts the process of a context tells on each of its cells, so one is not enough. */
const CONTEXTS = ['one', 'two', 'three'];

/** `echo` over HTTP with all tools on, against the SDK's own low-level server with one tool. Rounds alternate; medians count. */
export const echoThroughput: Bench = {
  name: 'echo',
  run: async server => {
    const baselines = await Promise.all(Array.from({ length: BASELINES }, startBaseline));
    const ours = rawClient(server.url, CONNECTIONS);
    const measure = (client: RawClient, seconds: number) =>
      throughput(() => client.call('echo', { message: 'hello' }), { connections: CONNECTIONS, seconds });
    const samples: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    for (const client of [ours, ...baselines.map(({ client }) => client)]) await measure(client, WARM_SECONDS);
    for (let round = 0; round < ECHO_ROUNDS; round++) {
      for (const { client } of baselines) {
        samples.theirs.push(await measure(client, ECHO_SECONDS));
        samples.ours.push(await measure(ours, ECHO_SECONDS));
      }
    }
    ours.close();
    for (const { close } of baselines) close();
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

async function startBaseline(): Promise<{ client: RawClient; close: () => void }> {
  const server = spawn(process.execPath, [fileURLToPath(new URL('support/sdk-server.ts', import.meta.url))], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const client = rawClient(String(line).replace(/.*listening on /, ''), CONNECTIONS);
  const close = () => {
    client.close();
    server.kill();
  };
  return { client, close };
}

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
