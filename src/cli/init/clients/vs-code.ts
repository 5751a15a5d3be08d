import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';
import { applicationFolder } from '../places.ts';

const title = 'VS Code';
const EDITIONS = ['Code', 'Code - Insiders', 'VSCodium'] as const;

/** The user's own `mcp.json`, for all workspaces; `settings.json` is no longer read for servers. */
export const vsCode: Client = {
  name: 'vs-code',
  title,
  programs: ['code', 'code-insiders'],
  traces: machine => EDITIONS.map(edition => join(applicationFolder(machine), edition, 'User')),
  files: machine => {
    const [first, ...others] = EDITIONS.map(edition => join(applicationFolder(machine), edition, 'User', 'mcp.json'));
    return [first ?? '', ...others];
  },
  format: 'json',
  place: () => ['servers'],
  entry: connection =>
    connection.kind === 'process'
      ? { type: 'stdio', command: connection.command, args: connection.args }
      : {
          type: 'http',
          url: connection.url,
          ...headersOf(connection, { title, reference: name => `\${env:${name}}` }),
        },
  next: 'run "MCP: List Servers" and start it',
};
