import { startFakeCoder } from '../test/support/fake-coder/fake-coder.ts';
import { scratchDirectory, startServer } from '../test/support/server.ts';
import { type Bench, measurement } from './support/measure.ts';
import { rawClient } from './support/raw-client.ts';
import { median, timeEach } from './support/statistics.ts';

const AGENTS = 1_000;
const DELAY_MS = 50;
const COUNT = 15;

/**
 * The fleet of a Coder server that answers after 50 ms, each time asked anew as after a change, against one request for the same list. The
 * service does not check itself meanwhile: it is part of neither figure.
 */
export const fleet: Bench = {
  name: 'fleet',
  run: async () => {
    const scratch = await scratchDirectory();
    const coder = await startFakeCoder({ isChecked: false });
    const [first] = Array.from({ length: AGENTS }, () => coder.fleet.addTask());
    const env = { BOXSWAIN_TOOLSETS: 'fleet', CODER_URL: coder.origin, CODER_SESSION_TOKEN: coder.token };
    const server = await startServer({ directory: scratch.path, env });
    const client = rawClient(server.url, 1);
    coder.always({ delayMs: DELAY_MS });
    const headers = { 'coder-session-token': coder.token };
    const upstream = async () => await (await fetch(`${coder.origin}/api/v2/tasks`, { headers })).text();
    // A change: what was listed before is not what is listed next.
    const forget = () =>
      client.call('send_input_to_agent', { agent_id: first?.id, user: 'alice', input_text: 'go on' });
    const anew = async (tool: string, args: object) => {
      await forget();
      return (await timeEach(() => client.call(tool, { ...args }), { count: 1, warmUp: 0 }))[0] ?? Number.NaN;
    };
    const samples: Record<'list' | 'metrics' | 'upstream', number[]> = { list: [], metrics: [], upstream: [] };
    try {
      for (let round = -3; round < COUNT; round++) {
        const [list, metrics, one] = [
          await anew('list_all_agents', { limit: AGENTS }),
          await anew('get_fleet_status_metrics', {}),
          (await timeEach(upstream, { count: 1, warmUp: 0 }))[0] ?? Number.NaN,
        ];
        // The first rounds warm everything up.
        if (round < 0) continue;
        samples.list.push(list);
        samples.metrics.push(metrics);
        samples.upstream.push(one);
      }
    } finally {
      client.close();
      await server.stop();
      await coder.close();
      await scratch.remove();
    }
    const tools = { list_all_agents: samples.list, get_fleet_status_metrics: samples.metrics };
    return Object.entries(tools).map(([tool, values]) =>
      measurement({
        name: `${tool}, ${AGENTS} agents behind ${DELAY_MS} ms, p50`,
        unit: 'ms',
        baseline: 'one upstream request for them',
        value: median(values),
        baselineValue: median(samples.upstream),
        budget: { atMost: 3 },
      }),
    );
  },
};
