import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';

const title = 'GitHub Copilot CLI';

/** It replaces variables in `env` of an entry, and its documentation promises nothing for headers. */
export const copilotCli: Client = {
  name: 'copilot-cli',
  title,
  programs: ['copilot'],
  traces: ({ home, env }) => [env.COPILOT_HOME || join(home, '.copilot')],
  files: ({ home, env }) => [join(env.COPILOT_HOME || join(home, '.copilot'), 'mcp-config.json')],
  format: 'json',
  place: () => ['mcpServers'],
  entry: connection =>
    connection.kind === 'process'
      ? { type: 'local', command: connection.command, args: connection.args, env: {}, tools: ['*'] }
      : { type: 'http', url: connection.url, ...headersOf(connection, { title }), tools: ['*'] },
  next: 'open a new session; /mcp show lists it',
};
