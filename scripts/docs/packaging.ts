import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { deployedUnits } from '../../src/cli/service/deployed-units.ts';

/** What registries and clients are told of Boxswain, all from `package.json`, so that no version or description differs. */
const { name, version, description, license, mcpName, engines } = z
  .object({
    ...{ name: z.string(), version: z.string(), description: z.string(), license: z.string(), mcpName: z.string() },
    engines: z.object({ node: z.string() }),
  })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));

const author = { name: 'The Boxswain authors' };
const keywords = ['mcp', 'sandbox', 'code-execution', 'coding-agents'];
/** The package of this very version, whatever is newest. */
const npx = { command: 'npx', args: ['-y', `${name}@${version}`, 'mcp'] };

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** By path, relative to the root. */
export const packaging: Readonly<Record<string, () => string>> = {
  'server.json': () =>
    json({
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      ...{ name: mcpName, title: 'Boxswain', description: shortened(description), version },
      packages: [
        {
          ...{ registryType: 'npm', identifier: name, version, runtimeHint: 'npx' },
          transport: { type: 'stdio' },
          packageArguments: [{ type: 'positional', value: 'mcp' }],
          environmentVariables: [
            { name: 'BOXSWAIN_TOOLSETS', description: 'Toolsets to serve, by comma; core is the everyday selection' },
            { name: 'BOXSWAIN_DIRECTORY', description: 'Where records, blobs and workspaces lie', format: 'filepath' },
          ],
        },
      ],
    }),
  '.claude-plugin/marketplace.json': () =>
    json({
      name,
      owner: author,
      metadata: { description: 'Boxswain for Claude Code', version },
      plugins: [{ name, source: './plugin', description, version, category: 'development', keywords }],
    }),
  'plugin/.claude-plugin/plugin.json': () => json({ name, version, description, author, license, keywords }),
  'plugin/.mcp.json': () => json({ mcpServers: { [name]: npx } }),
  'bundle/manifest.json': () =>
    json({
      ...{ manifest_version: '0.3', name, display_name: 'Boxswain', version, description, author, license, keywords },
      server: {
        ...{ type: 'node', entry_point: 'bin/boxswain.js' },
        mcp_config: {
          ...{ command: 'node', args: [`\${__dirname}/bin/boxswain.js`, 'mcp'] },
          env: { BOXSWAIN_TOOLSETS: `\${user_config.toolsets}` },
        },
      },
      user_config: {
        toolsets: {
          ...{ type: 'string', title: 'Toolsets', required: false, default: 'core' },
          description: 'By comma: sandbox, sessions, fleet, codegen; core is the everyday selection',
        },
      },
      compatibility: { platforms: ['linux', 'darwin'], runtimes: { node: engines.node } },
    }),
  ...Object.fromEntries(
    Object.entries(deployedUnits).map(([role, unit]) => [`deploy/systemd/boxswain-${role}.service`, () => unit]),
  ),
};

/** Registries allow 100 characters. */
const shortened = (text: string): string =>
  text.length <= 100 ? text : `${text.slice(0, 99).replace(/\s+\S*$/, '')}…`;

const START = '<!-- install links -->';
const END = '<!-- end of install links -->';

/** README.md with the links that install Boxswain with one click, which hold its configuration. Throws where it has no place for them. */
export function withInstallLinks(readme: string): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`README.md has no ${START} … ${END}`);
  return `${readme.slice(0, start + START.length)}\n${installLinks()}\n${readme.slice(end)}`;
}

function installLinks(): string {
  const process = { command: 'npx', args: ['-y', name, 'mcp'] };
  const cursor = new URL('https://cursor.com/en/install-mcp');
  cursor.searchParams.set('name', name);
  cursor.searchParams.set('config', Buffer.from(JSON.stringify(process)).toString('base64'));
  const code = new URL('https://insiders.vscode.dev/redirect/mcp/install');
  code.searchParams.set('name', name);
  code.searchParams.set('config', JSON.stringify({ type: 'stdio', ...process }));
  return `[Install in Cursor](${cursor}) · [Install in VS Code](${code})`;
}
