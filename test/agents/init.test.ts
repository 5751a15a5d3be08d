import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { provesConnection } from './connected-client.ts';
import { serverOfFile } from './server-of-file.ts';

const LIMIT = { timeout: 300_000 };
const server = serverOfFile(LIMIT);

test('Claude Code uses what boxswain init writes, by a process and by an address', LIMIT, async () => {
  const { program } = await installAgent('claude');
  await provesConnection(server().url, {
    name: 'claude-code',
    program,
    words: ['-p', '#tool WaitForMcpServers {}\n#say hello'],
    prepare: async (fixture, origin) => ({
      CLAUDE_CONFIG_DIR: fixture.path('config'),
      ANTHROPIC_BASE_URL: origin,
      ANTHROPIC_API_KEY: 'dummy-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      // Else it tells the model of other servers' tools only when it searches for them.
      ENABLE_TOOL_SEARCH: 'false',
      // Its servers are there before it asks the model.
      ...{ MCP_CONNECTION_NONBLOCKING: 'false', MCP_TIMEOUT: '60000' },
    }),
  });
});

test('Codex uses what boxswain init writes, by a process and by an address', LIMIT, async () => {
  const { program } = await installAgent('codex');
  await provesConnection(server().url, {
    name: 'codex',
    program: join(dirname(program), 'codex'),
    // Its servers are there before it asks the model.
    words: [
      ...['exec', '-c', 'mcp_servers.boxswain.required=true', '-c', 'mcp_servers.boxswain.startup_timeout_sec=60'],
      ...['--skip-git-repo-check', '#say hello'],
    ],
    prepare: async (fixture, origin) => {
      const home = fixture.path('config');
      await mkdir(home, { recursive: true });
      const provider = `[model_providers.scripted]\nname = "scripted"\nbase_url = "${origin}/v1"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"\n`;
      await writeFile(
        join(home, 'config.toml'),
        `model = "scripted" # of the test\nmodel_provider = "scripted"\n\n${provider}`,
      );
      return { CODEX_HOME: home, SCRIPTED_KEY: 'dummy-key' };
    },
  });
});
