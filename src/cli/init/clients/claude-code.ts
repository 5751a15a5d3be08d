import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';

const title = 'Claude Code';

/** User scope: every project has it. */
export const claudeCode: Client = {
  name: 'claude-code',
  title,
  programs: ['claude'],
  traces: ({ home, env }) => [env.CLAUDE_CONFIG_DIR || join(home, '.claude'), join(home, '.claude.json')],
  files: ({ home, env }) => [join(env.CLAUDE_CONFIG_DIR || home, '.claude.json')],
  format: 'json',
  place: () => ['mcpServers'],
  entry: connection =>
    connection.kind === 'process'
      ? { type: 'stdio', command: connection.command, args: connection.args, env: {} }
      : {
          type: 'http',
          url: connection.url,
          ...headersOf(connection, { title, reference: name => `\${${name}}` }),
        },
  next: 'open a new session; /mcp shows it',
};
