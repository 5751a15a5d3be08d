import { writeFile } from 'node:fs/promises';
import { after } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { silentLog } from '../../src/log/log.ts';
import { createAcpDriver } from '../../src/worker/agents/drivers/acp/acp-driver.ts';
import { codex } from '../../src/worker/agents/drivers/acp/known-agents.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { driverContract } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';

const { program } = await installAgent('codex');
const fixture = await AgentFixture.make('codex');
const model = await startScriptedModel();
after(() => model.close());
await writeFile(
  fixture.path('config/config.toml'),
  `model = "scripted"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${model.origin}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 0
stream_max_retries = 0
[projects."${fixture.path('work')}"]
trust_level = "trusted"
`,
);

const environment = { ...fixture.environment, CODEX_HOME: fixture.path('config'), SCRIPTED_KEY: 'dummy-key' };
const driver = createAcpDriver({
  agent: { ...codex, command: program },
  processes: fixture.processes,
  log: silentLog,
  environment,
});
const { capabilities } = await driver.describe(AbortSignal.timeout(20_000));

driverContract('Codex', {
  fixture,
  driver,
  can: capabilities,
  writes: (path, content) =>
    `#tool exec_command ${JSON.stringify({
      cmd: `echo '${content}' > ${path}`,
      justification: 'the test wants it',
      sandbox_permissions: 'require_escalated',
    })}`,
  rewritten: () => undefined,
  costOf100In20Out: null,
});
