import { type Bench, measurement } from './support/measure.ts';
import { rawClient } from './support/raw-client.ts';

/** Characters of JSON a token stands for, on the careful side for schemas. */
const CHARACTERS_PER_TOKEN = 3.6;

/** What the tool list costs a model's context, in tokens, against the budget as baseline. */
export const listing: Bench = {
  name: 'listing',
  run: async server => {
    const client = rawClient(server.url, 1);
    const text = await client.send('tools/list', {});
    client.close();
    const tokens = JSON.stringify(JSON.parse(text).result.tools).length / CHARACTERS_PER_TOKEN;
    return [
      measurement({
        name: 'tools/list of the sandbox toolset',
        unit: 'tokens',
        baseline: 'budget',
        value: tokens,
        baselineValue: 6000,
        budget: { atMost: 1 },
      }),
    ];
  },
};
