import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';

const title = 'Cursor';

export const cursor: Client = {
  name: 'cursor',
  title,
  programs: ['cursor', 'cursor-agent'],
  traces: ({ home }) => [join(home, '.cursor')],
  files: ({ home }) => [join(home, '.cursor', 'mcp.json')],
  format: 'json',
  place: () => ['mcpServers'],
  entry: connection =>
    connection.kind === 'process'
      ? { command: connection.command, args: connection.args }
      : { url: connection.url, ...headersOf(connection, { title, reference: name => `\${env:${name}}` }) },
  next: 'Customize > MCPs shows it; restart Cursor if it does not',
};
