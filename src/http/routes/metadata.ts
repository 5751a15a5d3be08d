import { z } from 'zod';
import { defineOperation } from '../../operations/define.ts';
import { workspaceOutput } from '../../operations/sandbox/outputs.ts';
import { viewWorkspace } from '../../operations/sandbox/views.ts';
import { readArguments } from '../request.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

const MAX_ENTRIES = 100;
const MAX_BYTES = 32 * 1024;

const metadata = z
  .record(z.string(), z.string())
  .refine(map => Object.keys(map).length <= MAX_ENTRIES, `must have at most ${MAX_ENTRIES} entries`)
  .refine(map => Buffer.byteLength(JSON.stringify(map)) <= MAX_BYTES, `must be at most ${MAX_BYTES} bytes in all`);

/** Exists over HTTP only, yet runs like every operation: authorized, audited, metered. */
const setMetadata = defineOperation({
  name: 'workspace_set_metadata',
  toolset: 'sandbox',
  title: 'Set metadata of a workspace',
  description: 'Merge into, or replace, the metadata of a workspace.',
  input: z.strictObject({ workspace_id: z.string(), metadata, replace: z.boolean() }),
  output: workspaceOutput,
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:write',
  cli: { words: [], examples: [] },
  run: async ({ workspace_id, metadata, replace }, { hub, caller }) =>
    viewWorkspace(await hub.workspaces.setMetadata(workspace_id, metadata, { replace, caller })),
});

/** `PATCH` merges, `PUT …/metadata` replaces. The body is `{metadata}`; for `PUT` it may also be the map itself. */
export function addMetadataRoutes(api: Api, parts: ApiParts): void {
  const set = async (context: ApiContext, body: Record<string, unknown>, replace: boolean) => {
    const args = { ...body, workspace_id: context.req.param('id'), replace };
    const { output } = await run(parts, setMetadata, { context, args });
    return context.json(output);
  };
  api.patch('/api/workspaces/:id', async context =>
    set(context, await readArguments(context.req.raw, parts.maxBodyBytes), false),
  );
  api.put('/api/workspaces/:id/metadata', async context => {
    const body = await readArguments(context.req.raw, parts.maxBodyBytes);
    return set(context, typeof body.metadata === 'object' ? body : { metadata: body }, true);
  });
}
