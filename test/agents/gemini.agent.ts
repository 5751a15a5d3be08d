import { after } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { silentLog } from '../../src/log/log.ts';
import { createAcpDriver } from '../../src/worker/agents/drivers/acp/acp-driver.ts';
import { gemini } from '../../src/worker/agents/drivers/acp/known-agents.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { driverContract } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';

const { program } = await installAgent('gemini');
const fixture = await AgentFixture.make('gemini');
const model = await startScriptedModel();
after(() => model.close());

const environment = {
  ...fixture.environment,
  GEMINI_API_KEY: 'dummy-key',
  // As its user has, who is asked when it is first opened in a folder; elsewhere it refuses what is allowed for the session.
  GEMINI_CLI_TRUST_WORKSPACE: 'true',
  GOOGLE_GEMINI_BASE_URL: model.origin,
};
const driver = createAcpDriver({
  agent: { ...gemini, command: program },
  processes: fixture.processes,
  log: silentLog,
  environment,
});
const { capabilities } = await driver.describe(AbortSignal.timeout(60_000));

driverContract('Gemini CLI', {
  fixture,
  driver,
  can: capabilities,
  writes: (path, content) => `#tool write_file ${JSON.stringify({ file_path: fixture.path('work', path), content })}`,
  rewritten: () => undefined,
  costOf100In20Out: null,
});
