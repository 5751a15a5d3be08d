import { join } from 'node:path';
import type { Client } from '../client.ts';
import { isOpenlyRead } from '../connection.ts';
import { takesNoVariable } from '../headers.ts';
import { applicationFolder } from '../places.ts';

const title = 'Claude Desktop';

/** Its file names programs only: an address is reached through `mcp-remote`, which signs in by OAuth where it must. */
export const claudeDesktop: Client = {
  name: 'claude-desktop',
  title,
  programs: [],
  traces: machine => [join(applicationFolder(machine), 'Claude')],
  files: machine => [join(applicationFolder(machine), 'Claude', 'claude_desktop_config.json')],
  format: 'json',
  place: () => ['mcpServers'],
  entry: connection => {
    if (connection.kind === 'process') return { command: connection.command, args: connection.args };
    if (connection.tokenVariable !== undefined) throw takesNoVariable(title);
    const { url, toolsets } = connection;
    const header = toolsets.length > 0 ? ['--header', `X-MCP-Toolsets:${toolsets.join(',')}`] : [];
    const open = isOpenlyRead(connection) ? ['--allow-http'] : [];
    return { command: 'npx', args: ['-y', 'mcp-remote', url, ...header, ...open] };
  },
  next: 'quit and open it again',
};
