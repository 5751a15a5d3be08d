import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unpackExtension } from '@anthropic-ai/mcpb';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';

const manifestSchema = z.looseObject({
  server: z.looseObject({
    mcp_config: z.object({
      command: z.string(),
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()).default({}),
    }),
  }),
  user_config: z.record(z.string(), z.looseObject({ default: z.unknown() })).default({}),
});

/**
 * Unpacks a bundle where nothing else is, starts it as its manifest says, for a user whose home is empty, and answers the names of its
 * tools. Throws when it does not start, or lists none.
 */
export async function toolsOfBundle(file: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boxswain-unpacked-'));
  try {
    const [place, home] = [join(folder, 'bundle'), join(folder, 'home')];
    await mkdir(home);
    if (!(await unpackExtension({ mcpbPath: file, outputDir: place, silent: true })))
      throw new Error('the bundle cannot be unpacked');
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(place, 'manifest.json'), 'utf8')));
    const { command, args, env } = manifest.server.mcp_config;
    const filled = (text: string) =>
      text.replace(/\$\{(\w+)(?:\.(\w+))?\}/g, (_, name: string, key = '') =>
        name === '__dirname' ? place : String(manifest.user_config[key]?.default ?? ''),
      );
    const transport = new StdioClientTransport({
      command,
      args: args.map(filled),
      cwd: home,
      env: {
        ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)])),
        HOME: home,
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      },
      stderr: 'inherit',
    });
    const client = new Client({ name: 'check-bundle', version: '1' });
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      if (tools.length === 0) throw new Error('the bundle lists no tools');
      return tools.map(({ name }) => name);
    } finally {
      await client.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
