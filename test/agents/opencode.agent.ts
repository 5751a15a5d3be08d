import { writeFile } from 'node:fs/promises';
import { after } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { silentLog } from '../../src/log/log.ts';
import { createAcpDriver } from '../../src/worker/agents/drivers/acp/acp-driver.ts';
import { opencode } from '../../src/worker/agents/drivers/acp/known-agents.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { driverContract } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';

const { program } = await installAgent('opencode');
const fixture = await AgentFixture.make('opencode');
const model = await startScriptedModel();
after(() => model.close());
await writeFile(
  fixture.path('work/opencode.json'),
  JSON.stringify({
    model: 'scripted/scripted',
    small_model: 'scripted/scripted',
    permission: { edit: 'ask', bash: 'ask' },
    autoupdate: false,
    share: 'disabled',
    provider: {
      scripted: {
        npm: '@ai-sdk/openai-compatible',
        name: 'Scripted',
        options: { baseURL: `${model.origin}/v1`, apiKey: 'dummy-key' },
        // A price of a dollar for each thousand tokens.
        models: {
          scripted: {
            name: 'Scripted',
            limit: { context: 100_000, output: 10_000 },
            cost: { input: 1000, output: 1000 },
          },
        },
      },
    },
  }),
);

const environment = {
  ...fixture.environment,
  XDG_CONFIG_HOME: fixture.path('config/config'),
  XDG_DATA_HOME: fixture.path('config/data'),
  XDG_STATE_HOME: fixture.path('config/state'),
  XDG_CACHE_HOME: fixture.path('config/cache'),
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_AUTOUPDATE: '1',
};
const driver = createAcpDriver({
  agent: { ...opencode, command: program },
  processes: fixture.processes,
  log: silentLog,
  environment,
});
const { capabilities } = await driver.describe(AbortSignal.timeout(60_000));

driverContract('OpenCode', {
  fixture,
  driver,
  can: capabilities,
  writes: (path, content) => `#tool write ${JSON.stringify({ filePath: fixture.path('work', path), content })}`,
  rewritten: () => undefined,
  costOf100In20Out: 0.12,
});
