import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installAgent } from '../../scripts/install-agents.ts';
import type { LocalServer } from './local-server.ts';
import { startScriptedModel } from './scripted-model/server.ts';

export interface RealAgents {
  /** What a server needs to have Claude Code and Codex, which know nothing but the scripted model. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

interface Where {
  readonly folder: string;
  readonly project: string;
  /** Stays open when they are closed; one of their own, in this process, unless it is given. */
  readonly model?: LocalServer;
}

/** The real agents with homes of their own below `folder`, trusting one project, and a model that does what prompts say. */
export async function prepareAgents({ folder, project, ...given }: Where): Promise<RealAgents> {
  const [claude, codex] = [await installAgent('claude'), await installAgent('codex')];
  const { model = await startScriptedModel() } = given;
  const [home, claudeHome, codexHome] = ['home', 'claude', 'codex'].map(name => join(folder, name));
  for (const path of [home, claudeHome, codexHome]) await mkdir(path ?? '', { recursive: true });
  // Without it a newer Claude Code decides by itself what it may do.
  const settings = { permissions: { defaultMode: 'default' } };
  await writeFile(join(claudeHome ?? '', 'settings.json'), JSON.stringify(settings));
  await writeFile(join(codexHome ?? '', 'config.toml'), codexConfig({ origin: model.origin, project }));
  const env = {
    HOME: home ?? '',
    PATH: [dirname(codex.program), dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    LANG: 'C.UTF-8',
    SHELL: '/bin/sh',
    TMPDIR: folder,
    CLAUDE_BIN: claude.program,
    CLAUDE_CONFIG_DIR: claudeHome ?? '',
    ANTHROPIC_BASE_URL: model.origin,
    ANTHROPIC_API_KEY: 'dummy-key',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    CODEX_HOME: codexHome ?? '',
    SCRIPTED_KEY: 'dummy-key',
  };
  return {
    env,
    async close() {
      if (given.model === undefined) await model.close();
    },
  };
}

const codexConfig = ({ origin, project }: { origin: string; project: string }): string => `model = "scripted"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${origin}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 0
stream_max_retries = 0
[projects."${project}"]
trust_level = "trusted"
`;
