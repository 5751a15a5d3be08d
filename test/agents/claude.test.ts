import { writeFile } from 'node:fs/promises';
import { after } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { silentLog } from '../../src/log/log.ts';
import { createClaudeDriver } from '../../src/worker/agents/drivers/claude/claude-driver.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { driverContract } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';

const { program } = await installAgent('claude');
const fixture = await AgentFixture.make('claude');
const model = await startScriptedModel();
after(() => model.close());
// Without it a newer Claude Code decides by itself what it may do.
await writeFile(fixture.path('config/settings.json'), JSON.stringify({ permissions: { defaultMode: 'default' } }));

const environment = {
  ...fixture.environment,
  CLAUDE_CONFIG_DIR: fixture.path('config'),
  ANTHROPIC_BASE_URL: model.origin,
  ANTHROPIC_API_KEY: 'dummy-key',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
};
const driver = createClaudeDriver({ processes: fixture.processes, log: silentLog, program, environment });
const { capabilities } = await driver.describe(AbortSignal.timeout(20_000));

driverContract('Claude Code', {
  fixture,
  driver,
  can: capabilities,
  writes: (path, content) => `#tool Write ${JSON.stringify({ file_path: fixture.path('work', path), content })}`,
  rewritten: (path, content) => ({ file_path: fixture.path('work', path), content }),
  costOf100In20Out: 0.0008,
});
