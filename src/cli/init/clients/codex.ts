import { join } from 'node:path';
import type { Client } from '../client.ts';

export const codex: Client = {
  name: 'codex',
  title: 'Codex',
  programs: ['codex'],
  traces: ({ home, env }) => [env.CODEX_HOME || join(home, '.codex')],
  files: ({ home, env }) => [join(env.CODEX_HOME || join(home, '.codex'), 'config.toml')],
  format: 'toml',
  place: () => ['mcp_servers'],
  entry: connection => {
    if (connection.kind === 'process') return { command: connection.command, args: connection.args };
    const { url, tokenVariable, toolsets } = connection;
    return {
      url,
      ...(tokenVariable !== undefined && { bearer_token_env_var: tokenVariable }),
      ...(toolsets.length > 0 && { http_headers: { 'X-MCP-Toolsets': toolsets.join(',') } }),
    };
  },
  next: 'open a new session; codex mcp list shows it',
};
