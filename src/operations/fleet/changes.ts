import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { idem } from '../sandbox/inputs.ts';
import { badFleetField, failureEnvelope } from './failure.ts';
import { acting, agentId, deleting, provider, user, whileBusy } from './inputs.ts';
import { viewAgent, viewConflict } from './views.ts';

const MAX_TEXT = 1_048_576;
const output = z.looseObject({
  success: z.boolean(),
  data: z.looseObject({}).optional(),
  message: z.string().optional(),
});

/** What is done about a name that is taken, and one that is not. */
const OUTCOMES = {
  created: (name: string) => `Agent created for ${name}`,
  sent: (name: string) => `Prompt sent to the agent of ${name}`,
  queued: (name: string) => `Prompt waits until the agent of ${name} is idle`,
} as const;

export const createNewAgentTask = defineOperation({
  name: 'create_new_agent_task',
  toolset: 'fleet',
  title: 'Create agent',
  description: 'Give a prompt to the agent of a workspace; a new one is made of a template if there is none.',
  input: z.strictObject({
    ...user,
    prompt: z.string().max(MAX_TEXT).describe('what the agent is to do'),
    workspace_name: z.string().max(4096).describe('name; for Codegen owner/repository, for local a directory'),
    template_name: z.string().max(256).optional().describe('what a new one is made of'),
    rich_parameters: z.record(z.string().max(256), z.unknown()).optional().describe('parameters of the template'),
    preset: z.string().max(256).optional().describe('preset of the template'),
    display_name: z.string().max(64).optional().describe('name for people'),
    when_busy: z.enum(['queue', 'error']).default('queue').describe(whileBusy),
    ...provider,
    ...idem,
  }),
  output,
  hints: acting,
  scope: 'fleet:write',
  cli: {
    words: ['fleet', 'create'],
    flags: { workspace_name: 'workspace', template_name: 'template', rich_parameters: 'param' },
    examples: ['boxswain fleet create --workspace fix-login --prompt "mend the login" --template docker'],
  },
  failure: failureEnvelope,
  async run(input, context) {
    const { prompt, workspace_name: name } = input;
    if (prompt.trim() === '') throw badFleetField('prompt', 'Prompt cannot be empty');
    if (name.trim() === '') throw badFleetField('workspace_name', 'Workspace name cannot be empty');
    const { agent, delivery, taskId, conflict } = await context.hub.fleet.desk.create(
      {
        user: input.user,
        prompt,
        name,
        ...(input.template_name !== undefined && { template: input.template_name }),
        ...(input.rich_parameters !== undefined && { parameters: input.rich_parameters }),
        ...(input.preset !== undefined && { preset: input.preset }),
        ...(input.display_name !== undefined && { displayName: input.display_name }),
        provider: input.provider,
        whenBusy: input.when_busy,
        ...(input.idempotency_key !== undefined && { idempotencyKey: input.idempotency_key }),
      },
      context,
    );
    const data = { ...viewAgent(agent), task_id: taskId };
    return { success: true, data, delivery, message: OUTCOMES[delivery](name), ...viewConflict(conflict) };
  },
});

export const sendInputToAgent = defineOperation({
  name: 'send_input_to_agent',
  toolset: 'fleet',
  title: 'Send input',
  description: 'Send text to an agent. A busy one gets it when it is idle; task_cancel withdraws it until then.',
  input: z.strictObject({
    ...user,
    agent_id: agentId,
    input_text: z.string().max(MAX_TEXT).describe('what to tell it'),
    when_busy: z.enum(['queue', 'interrupt', 'error']).default('queue').describe(whileBusy),
    when_paused: z.enum(['resume', 'error']).default('resume').describe('what to do with an agent that is paused'),
    ...provider,
    ...idem,
  }),
  output,
  hints: acting,
  scope: 'fleet:write',
  cli: {
    words: ['fleet', 'send'],
    positional: 'agent_id',
    second: 'input_text',
    examples: ['boxswain fleet send AGENT_ID "run the tests"'],
  },
  failure: failureEnvelope,
  async run(input, context) {
    if (input.input_text.trim() === '') throw badFleetField('input_text', 'Input text cannot be empty');
    const {
      agentId: id,
      status,
      taskId,
      conflict,
    } = await context.hub.fleet.desk.send(
      { id: input.agent_id, user: input.user, provider: input.provider },
      {
        text: input.input_text,
        whenBusy: input.when_busy,
        whenPaused: input.when_paused,
        ...(input.idempotency_key !== undefined && { idempotencyKey: input.idempotency_key }),
      },
      context,
    );
    const data = { status, ...(taskId !== undefined && { task_id: taskId }) };
    const message = status === 'sent' ? `Input sent to agent ${id}` : `Input waits until agent ${id} is idle`;
    return { success: true, data, message, ...viewConflict(conflict) };
  },
});

export const deleteAgentWorkspace = defineOperation({
  name: 'delete_agent_workspace',
  toolset: 'fleet',
  title: 'Delete agent workspace',
  description: 'Delete a workspace with its agents, busy or not.',
  input: z.strictObject({
    workspace_id: z.string().min(1).max(256).describe('workspace_id of an agent'),
    ...provider,
  }),
  output,
  hints: deleting,
  scope: 'fleet:write',
  cli: {
    words: ['fleet', 'delete'],
    positional: 'workspace_id',
    asksFirst: true,
    examples: ['boxswain fleet delete WORKSPACE_ID --yes'],
  },
  failure: failureEnvelope,
  async run({ workspace_id: id, provider: asked }, context) {
    const { workspaceId, data, conflict } = await context.hub.fleet.desk.deleteWorkspace(
      { id, provider: asked },
      context,
    );
    return { success: true, data, message: `Workspace ${workspaceId} deletion initiated`, ...viewConflict(conflict) };
  },
});
