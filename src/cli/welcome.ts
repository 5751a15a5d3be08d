/** What `serve` prints once it listens: the address, and how each client connects to it. */
export function welcome(options: { version: string; url: string; toolCount: number; engine: string }): string {
  const { version, url, toolCount, engine } = options;
  const endpoint = `${url}/mcp`;
  const entry = JSON.stringify({ boxswain: { url: endpoint } });
  return [
    `Boxswain ${version} is listening on ${endpoint}`,
    `${toolCount} tools, sandbox engine: ${engine}`,
    '',
    'Connect',
    `  Claude Code  claude mcp add --transport http boxswain ${endpoint}`,
    `  Codex        codex mcp add boxswain --url ${endpoint}`,
    `  Cursor       ~/.cursor/mcp.json: {"mcpServers":${entry}}`,
    `  VS Code      code --add-mcp '${JSON.stringify({ name: 'boxswain', type: 'http', url: endpoint })}'`,
    `  a shell      npx boxswain sandbox python 'print(2 + 2)'`,
    '',
  ].join('\n');
}
