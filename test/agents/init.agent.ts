import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { installAgent } from '../../scripts/install-agents.ts';
import { provesConnection } from './connected-client.ts';
import { serverOfFile } from './server-of-file.ts';

const LIMIT = { timeout: 300_000 };
const server = serverOfFile(LIMIT);

test('Gemini CLI uses what boxswain init writes, by a process and by an address', LIMIT, async () => {
  const { program } = await installAgent('gemini');
  await provesConnection(server().url, {
    name: 'gemini-cli',
    program,
    // Without a terminal it offers only what it may use without asking.
    words: ['--skip-trust', '--approval-mode', 'yolo', '--prompt', '#say hello'],
    prepare: async (fixture, origin) => {
      await mkdir(fixture.path('home/.gemini'));
      const settings = { security: { auth: { selectedType: 'gemini-api-key' } } };
      await writeFile(fixture.path('home/.gemini/settings.json'), JSON.stringify(settings));
      return { GEMINI_API_KEY: 'dummy-key', GOOGLE_GEMINI_BASE_URL: origin };
    },
  });
});

test('OpenCode uses what boxswain init writes, by a process and by an address', LIMIT, async () => {
  const { program } = await installAgent('opencode');
  await provesConnection(server().url, {
    name: 'opencode',
    program,
    words: ['run', '#say', 'hello'],
    prepare: async (fixture, origin) => {
      const folder = fixture.path('config/config');
      await mkdir(join(folder, 'opencode'), { recursive: true });
      const scripted = {
        ...{ npm: '@ai-sdk/openai-compatible', name: 'Scripted' },
        options: { baseURL: `${origin}/v1`, apiKey: 'dummy-key' },
        models: { scripted: { name: 'Scripted', limit: { context: 100_000, output: 10_000 } } },
      };
      const config = {
        model: 'scripted/scripted',
        small_model: 'scripted/scripted',
        autoupdate: false,
        share: 'disabled',
        // Its servers may start slowly on a busy machine.
        experimental: { mcp_timeout: 60_000 },
      };
      const text = JSON.stringify({ ...config, provider: { scripted } }, null, 2);
      await writeFile(join(folder, 'opencode', 'opencode.jsonc'), `// of the test\n${text}\n`);
      return {
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: fixture.path('config/data'),
        XDG_STATE_HOME: fixture.path('config/state'),
        XDG_CACHE_HOME: fixture.path('config/cache'),
        OPENCODE_DISABLE_MODELS_FETCH: '1',
        OPENCODE_DISABLE_AUTOUPDATE: '1',
      };
    },
  });
});
