import { z } from 'zod';
import type { Caller } from '../../auth/caller.ts';
import type { WorkspaceView } from '../../hub/hub.ts';
import { defineOperation } from '../define.ts';
import { env, idem, page, stringMap, workspaceId, ws } from './inputs.ts';
import { deletedOutput, workspaceListOutput, workspaceOutput } from './outputs.ts';
import { viewWorkspace, viewWorkspaceDetails } from './views.ts';

const limits = z.strictObject({
  memory_mb: z.int().min(64).max(65_536).optional(),
  cpus: z.number().min(0.1).max(64).optional(),
  pids: z.int().min(8).max(4096).optional(),
  disk_mb: z.int().min(16).optional(),
  wall_seconds: z.int().min(1).optional(),
  output_mb: z.int().min(1).max(1024).optional(),
  allow_soft: z
    .boolean()
    .default(false)
    .meta({ brief: 'accept unenforced limits', description: 'accept limits that are measured, not enforced' }),
});

const network = z.union(
  [
    z.enum(['off', 'registries']),
    z.strictObject({
      allow: z
        .array(z.string().min(1).max(260))
        .min(1)
        .max(50)
        .meta({ brief: 'host, *.suffix', description: 'host or *.suffix, with :port unless it is 443' }),
    }),
  ],
  { error: 'must be "off", "registries" or {"allow": [1 to 50 hosts]}' },
);

const states = ['creating', 'ready', 'busy', 'checkpointing', 'draining', 'stopped', 'failed'] as const;

export const workspaceCreate = defineOperation({
  name: 'workspace_create',
  toolset: 'sandbox',
  title: 'Create workspace',
  description:
    'Create an isolated workspace (sandbox) for files and code. Lives until unused for ttl_seconds (default 3600).',
  input: z.strictObject({
    name: z.string().min(1).max(63).optional().describe('a name for people; need not be unique'),
    image: z.string().min(1).max(255).optional().describe('image of the box, where the engine has images'),
    network: network.default('off').describe('what code may reach: nothing, package hosts, or named hosts'),
    limits: limits.optional().describe('what differs from the usual limits'),
    ttl_seconds: z.int().min(60).max(2_592_000).optional().describe('seconds without a call after which it is deleted'),
    env: env.optional().describe('environment variables of every run'),
    metadata: stringMap.optional().describe('anything the caller wants to remember'),
    labels: stringMap.optional().describe('labels that its worker must have'),
    ...idem,
  }),
  output: workspaceOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  core: true,
  cli: {
    words: ['sandbox', 'create'],
    examples: [
      'boxswain sandbox create --name demo',
      `boxswain sandbox create --network registries --limits '{"memory_mb": 512}'`,
    ],
  },
  run: (input, context) =>
    context.hub.idempotency.once(
      { caller: context.caller, operation: 'workspace_create', key: input.idempotency_key, args: input },
      async ids =>
        viewWorkspace(
          await context.hub.workspaces.create(
            {
              name: input.name,
              image: input.image,
              network: input.network,
              limits: input.limits ?? {},
              ttlSeconds: input.ttl_seconds,
              env: input.env ?? {},
              metadata: input.metadata ?? {},
              labels: input.labels,
            },
            { ...context, ids },
          ),
        ),
    ),
});

export const workspaceList = defineOperation({
  name: 'workspace_list',
  toolset: 'sandbox',
  title: 'List workspaces',
  description: 'List your workspaces, newest first.',
  input: z.strictObject({
    state: z.enum(states).optional().describe('only workspaces in this state'),
    shared: z
      .boolean()
      .default(false)
      .meta({ hidden: true, description: 'instead of your own: those that others share with you' }),
    ...page,
  }),
  output: workspaceListOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  cli: {
    words: ['sandbox', 'list'],
    examples: ['boxswain sandbox list', 'boxswain sandbox list --state ready --json'],
  },
  async run(input, { hub, caller }) {
    const found = await hub.workspaces.list(input, caller);
    const workspaces = found.rows.map(view => viewedBy(caller, view));
    return { workspaces, next_cursor: found.nextCursor, total: found.total };
  },
});

/** Whose it is, where that is somebody else. */
const sharedBy = ({ id }: Caller, { record }: WorkspaceView) => record.caller !== id && { shared_by: record.caller };

const viewedBy = (caller: Caller, view: WorkspaceView) => ({ ...viewWorkspace(view), ...sharedBy(caller, view) });

export const workspaceGet = defineOperation({
  name: 'workspace_get',
  toolset: 'sandbox',
  title: 'Get workspace',
  description: 'Show a workspace: state, limits, usage, checkpoints, recent tasks.',
  input: z.strictObject(ws),
  output: workspaceOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  cli: { words: ['sandbox', 'get'], positional: 'workspace_id', examples: ['boxswain sandbox get WORKSPACE_ID'] },
  async run(input, context) {
    const where = { mayCreate: false, tool: 'workspace_get' };
    const { id } = await context.hub.workspaces.resolve(input.workspace_id, context, where);
    const details = await context.hub.workspaces.get(id, context.caller);
    return { ...viewWorkspaceDetails(details), ...sharedBy(context.caller, details) };
  },
});

export const workspaceDelete = defineOperation({
  name: 'workspace_delete',
  toolset: 'sandbox',
  title: 'Delete workspace',
  description: 'Delete a workspace, its files and tasks. Artifacts and checkpoints stay 7 days.',
  input: z.strictObject({
    workspace_id: workspaceId,
    checkpoint: z.boolean().default(false).meta({ brief: 'take one first', description: 'take a checkpoint first' }),
  }),
  output: deletedOutput,
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  scope: 'sandbox:write',
  cli: {
    words: ['sandbox', 'delete'],
    positional: 'workspace_id',
    examples: ['boxswain sandbox delete WORKSPACE_ID', 'boxswain sandbox delete WORKSPACE_ID --checkpoint'],
  },
  async run({ workspace_id, checkpoint }, context) {
    const { hub, caller } = context;
    const where = { mayCreate: false, tool: 'workspace_delete' };
    const workspace = checkpoint ? await hub.workspaces.resolve(workspace_id, context, where) : undefined;
    const saved = workspace === undefined ? null : await hub.checkpoints.create(workspace, {}, context);
    await hub.workspaces.delete(workspace_id, caller);
    return { deleted: true, workspace_id, checkpoint_id: saved?.id ?? null };
  },
});
