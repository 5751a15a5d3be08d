import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';

const title = 'Gemini CLI';

export const geminiCli: Client = {
  name: 'gemini-cli',
  title,
  programs: ['gemini'],
  traces: ({ home }) => [join(home, '.gemini', 'settings.json'), join(home, '.gemini')],
  files: ({ home }) => [join(home, '.gemini', 'settings.json')],
  format: 'json',
  place: () => ['mcpServers'],
  entry: connection =>
    connection.kind === 'process'
      ? { command: connection.command, args: connection.args }
      : { httpUrl: connection.url, ...headersOf(connection, { title, reference: name => `\${${name}}` }) },
  next: 'open a new session; /mcp shows it',
};
