import { scratchDirectory, startServer } from '../test/support/server.ts';
import { startIssuer } from '../test/support/issuer.ts';
import { type Bench, measurement } from './support/measure.ts';
import { rawClient } from './support/raw-client.ts';
import { median, timeEach } from './support/statistics.ts';

const ROUNDS = 10;
const CALLS = 300;
const WARM_CALLS = 1_500;

/** What a signed token costs a call, its issuer's keys being known: `echo` with one, and without, on the same server. */
export const auth: Bench = {
  name: 'auth',
  run: async () => {
    await using issuer = await startIssuer();
    const scratch = await scratchDirectory();
    // More calls than a caller may usually make in a minute.
    const env = { BOXSWAIN_AUTH_ISSUER: issuer.url, BOXSWAIN_LIMITS_CALLS_PER_MINUTE: '1000000' };
    const server = await startServer({ directory: scratch.path, env });
    try {
      const token = await issuer.sign(`${server.url}/mcp`, { claims: { scope: 'mcp:tools' } });
      const open = rawClient(server.url, 1);
      const known = rawClient(server.url, 1, { authorization: `Bearer ${token}` });
      const echo = (client: typeof open) => () => client.call('echo', { message: 'hello' });
      const samples: { open: number[]; known: number[] } = { open: [], known: [] };
      for (const client of [open, known]) await timeEach(echo(client), { count: WARM_CALLS });
      for (let round = 0; round < ROUNDS; round++) {
        samples.open.push(...(await timeEach(echo(open), { count: CALLS, warmUp: 20 })));
        samples.known.push(...(await timeEach(echo(known), { count: CALLS, warmUp: 20 })));
      }
      for (const client of [open, known]) client.close();
      return [
        measurement({
          name: 'echo with a signed token, p50',
          unit: 'ms',
          baseline: 'the same without a token',
          value: median(samples.known),
          baselineValue: median(samples.open),
          budget: { atMostMore: 0.15 },
        }),
      ];
    } finally {
      await server.stop();
      await scratch.remove();
    }
  },
};
