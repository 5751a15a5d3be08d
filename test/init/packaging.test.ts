import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { getMcpConfigForManifest, v0_3 } from '@anthropic-ai/mcpb';
import { z } from 'zod';
import { cursor } from '../../src/cli/init/clients/cursor.ts';
import { vsCode } from '../../src/cli/init/clients/vs-code.ts';
import { connectionOf } from '../../src/cli/init/connection.ts';

const root = new URL('../../', import.meta.url);
const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(new URL(path, root), 'utf8'));
const packageSchema = z.looseObject({ name: z.string(), version: z.string(), mcpName: z.string() });

/** What the MCP registry demands of a `server.json`, of what we use. */
const serverSchema = z.strictObject({
  $schema: z.literal('https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'),
  name: z.string().regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: z.string(),
  packages: z.array(
    z.strictObject({
      ...{ registryType: z.literal('npm'), identifier: z.string(), version: z.string(), runtimeHint: z.literal('npx') },
      transport: z.strictObject({ type: z.literal('stdio') }),
      packageArguments: z.array(z.strictObject({ type: z.literal('positional'), value: z.string() })),
      environmentVariables: z.array(
        z.strictObject({ name: z.string(), description: z.string(), format: z.literal('filepath').optional() }),
      ),
    }),
  ),
});
const marketplaceSchema = z.looseObject({
  name: z.string(),
  owner: z.object({ name: z.string() }),
  metadata: z.looseObject({ version: z.string() }),
  plugins: z.array(z.looseObject({ name: z.string(), source: z.string().startsWith('./'), version: z.string() })),
});
const pluginSchema = z.looseObject({ name: z.string(), version: z.string(), description: z.string() });
const serversSchema = z.object({
  mcpServers: z.record(z.string(), z.object({ command: z.string(), args: z.array(z.string()) })),
});

describe('what registries and clients are told', () => {
  it('names one version everywhere: that of package.json', async () => {
    const { version, name, mcpName } = packageSchema.parse(await read('package.json'));
    const server = serverSchema.parse(await read('server.json'));
    const marketplace = marketplaceSchema.parse(await read('.claude-plugin/marketplace.json'));
    const plugin = pluginSchema.parse(await read('plugin/.claude-plugin/plugin.json'));
    const started = serversSchema.parse(await read('plugin/.mcp.json'));
    const manifest = v0_3.McpbManifestSchema.parse(await read('bundle/manifest.json'));
    const versions = [server.version, ...server.packages.map(one => one.version), marketplace.metadata.version];
    versions.push(...marketplace.plugins.map(one => one.version), plugin.version, manifest.version);
    versions.push(...(started.mcpServers[name]?.args ?? []).flatMap(word => word.split(`${name}@`)[1] ?? []));
    assert.deepEqual(
      versions,
      Array.from({ length: 7 }, () => version),
    );
    assert.deepEqual([server.name, server.packages[0]?.identifier], [mcpName, name]);
  });

  it('leads a marketplace to the plugin', async () => {
    const { plugins } = marketplaceSchema.parse(await read('.claude-plugin/marketplace.json'));
    const plugin = pluginSchema.parse(await read(`${plugins[0]?.source}/.claude-plugin/plugin.json`));
    assert.equal(plugin.name, plugins[0]?.name);
  });

  it('has a bundle start a program that is in it, with the toolsets that were chosen', async () => {
    const manifest = v0_3.McpbManifestSchema.parse(await read('bundle/manifest.json'));
    await access(new URL(manifest.server.entry_point, root));
    const config = await getMcpConfigForManifest({
      ...{ manifest, extensionPath: '/extensions/boxswain', systemDirs: {}, pathSeparator: '/' },
      userConfig: { toolsets: 'sandbox' },
    });
    assert.deepEqual(config?.args, ['/extensions/boxswain/bin/boxswain.js', 'mcp']);
    assert.deepEqual(config?.env, { BOXSWAIN_TOOLSETS: 'sandbox' });
  });

  it('has links that install the entries which boxswain init writes', async () => {
    const readme = await readFile(new URL('README.md', root), 'utf8');
    const links = [...readme.matchAll(/\]\((https:\/\/\S+?install\S*)\)/g)].map(([, link = '']) => new URL(link));
    assert.deepEqual(
      links.map(({ hostname }) => hostname),
      ['cursor.com', 'insiders.vscode.dev'],
    );
    const script = '/home/x/.npm/_npx/1/node_modules/.bin/boxswain';
    const connection = connectionOf(
      { toolsets: [] },
      { launcher: { platform: 'linux', program: 'node', script }, known: [] },
    );
    const [inCursor, inCode] = links.map(({ searchParams }) => searchParams.get('config') ?? '');
    assert.deepEqual(JSON.parse(Buffer.from(inCursor ?? '', 'base64').toString()), cursor.entry(connection));
    assert.deepEqual(JSON.parse(inCode ?? ''), vsCode.entry(connection));
    assert.ok(links.every(({ searchParams }) => searchParams.get('name') === 'boxswain'));
  });
});
