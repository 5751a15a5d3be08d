import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { idem, workspaceId, ws } from './inputs.ts';
import { checkpointOutput, workspaceOutput, workspacesOutput } from './outputs.ts';
import { viewCheckpoint, viewWorkspace } from './views.ts';

const name = z.string().min(1).max(63).optional().describe('a name for people; need not be unique');

export const workspaceCheckpoint = defineOperation({
  name: 'workspace_checkpoint',
  toolset: 'sandbox',
  title: 'Checkpoint workspace',
  description: 'Save files and packages of a workspace. The newest 10 are kept, until 7 days after the workspace ends.',
  input: z.strictObject({ ...ws, name, ...idem }),
  output: checkpointOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'checkpoint'],
    positional: 'workspace_id',
    examples: ['boxswain sandbox checkpoint WORKSPACE_ID --name before-upgrade'],
  },
  run: (input, context) =>
    context.hub.idempotency.once(
      { caller: context.caller, operation: 'workspace_checkpoint', key: input.idempotency_key, args: input },
      async ids => {
        const where = { mayCreate: false, tool: 'workspace_checkpoint' };
        const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
        return viewCheckpoint(
          await context.hub.checkpoints.create(workspace, { name: input.name }, { ...context, ids }),
        );
      },
    ),
});

export const workspaceRestore = defineOperation({
  name: 'workspace_restore',
  toolset: 'sandbox',
  title: 'Restore checkpoint',
  description:
    'Restore a checkpoint into a new workspace, or replace the files of workspace_id. A new one lives 1 h unused.',
  input: z.strictObject({
    checkpoint_id: z.string().describe('handle of the checkpoint'),
    workspace_id: workspaceId.optional().describe('workspace whose files are replaced; default: a new one'),
    ...idem,
  }),
  output: workspaceOutput,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'restore'],
    positional: 'checkpoint_id',
    examples: ['boxswain sandbox restore CHECKPOINT_ID', 'boxswain sandbox restore CHECKPOINT_ID --workspace ID'],
  },
  run: (input, context) =>
    context.hub.idempotency.once(
      { caller: context.caller, operation: 'workspace_restore', key: input.idempotency_key, args: input },
      async ids => {
        const into = { workspaceId: input.workspace_id };
        const restored = await context.hub.checkpoints.restore(input.checkpoint_id, into, { ...context, ids });
        return { ...viewWorkspace(restored), restored_from: input.checkpoint_id };
      },
    ),
});

export const workspaceFork = defineOperation({
  name: 'workspace_fork',
  toolset: 'sandbox',
  title: 'Fork workspace',
  description: 'Copy a workspace, with files and packages, into new ones. They live as long unused as the original.',
  input: z.strictObject({ ...ws, count: z.int().min(1).max(10).default(1).describe('how many copies'), name, ...idem }),
  output: workspacesOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'fork'],
    positional: 'workspace_id',
    examples: ['boxswain sandbox fork WORKSPACE_ID --count 3'],
  },
  run: (input, context) =>
    context.hub.idempotency.once(
      { caller: context.caller, operation: 'workspace_fork', key: input.idempotency_key, args: input },
      async ids => {
        const where = { mayCreate: false, tool: 'workspace_fork' };
        const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
        const copies = { count: input.count, name: input.name };
        const forks = await context.hub.checkpoints.fork(workspace, copies, { ...context, ids });
        return { workspaces: forks.map(viewWorkspace), forked_from: workspace.id };
      },
    ),
});
