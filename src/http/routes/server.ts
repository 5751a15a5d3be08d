import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../../operations/define.ts';
import { callCounts } from '../../telemetry/metrics.ts';
import { type Api, type ApiParts, run } from './context.ts';

const shared = { toolset: 'sessions', input: z.strictObject({}), cli: { words: [], examples: [] } } as const;
const reading = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
const objects = z.array(z.looseObject({}));

/** The server itself: what it offers over MCP and how that is used, and starting it anew. */
export function addServerRoutes(api: Api, parts: ApiParts): void {
  api.get('/api/mcp/servers', async context => {
    const url = new URL('/mcp', parts.publicUrl ?? context.req.url).href;
    return context.json((await run(parts, serversOf(parts, url), { context, args: {} })).output);
  });
  api.get('/api/mcp/metrics', async context => context.json((await run(parts, metrics, { context, args: {} })).output));
  api.post('/api/server/restart', async context => {
    const { output } = await run(parts, restarting(parts.restart), { context, args: {} });
    // Once the answer is on its way; the server lets it go out before it ends.
    setImmediate(() => parts.restart?.());
    return context.json(output, 202);
  });
}

const serversOf = ({ operations, hub }: ApiParts, url: string) =>
  defineOperation({
    ...shared,
    name: 'mcp_servers',
    title: 'List MCP servers',
    description: 'What is served over MCP here, by toolset.',
    output: z.looseObject({ servers: objects }),
    hints: reading,
    scope: 'any:read',
    async run() {
      const { version } = await hub.health.look();
      const names = [...new Set(operations.map(({ toolset }) => toolset))];
      const toolsets = names.map(name => ({
        name,
        tools: operations.filter(({ toolset }) => toolset === name).map(({ name: tool }) => tool),
      }));
      return { servers: [{ name: 'boxswain', version, type: 'http', url, tools: operations.length, toolsets }] };
    },
  });

const metrics = defineOperation({
  ...shared,
  name: 'mcp_metrics',
  title: 'Count calls',
  description: 'Calls of each operation since this process started, over every surface.',
  output: z.looseObject({ tools: objects }),
  hints: reading,
  scope: 'any:read',
  run: async () => ({ tools: (await callCounts()).map(one => ({ ...one })) }),
});

const restarting = (restart: (() => void) | undefined) =>
  defineOperation({
    ...shared,
    name: 'server_restart',
    title: 'Restart the server',
    description: 'End what runs and start anew with the configuration as it is now.',
    output: z.looseObject({ ok: z.boolean() }),
    hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
    scope: 'admin',
    async run() {
      if (restart !== undefined) return { ok: true };
      throw new AppError('CAPABILITY_UNSUPPORTED', 'this server cannot start itself anew', {
        hint: 'restart it as it was started',
      });
    },
  });
