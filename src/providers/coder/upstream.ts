import { z } from 'zod';
import { readerOf } from '../http/documented.ts';
import type { CoderApi } from './api.gen.ts';
import { optionalId, optionalText, optionalTime } from './reading.ts';

/**
 * What is read of Coder's answers. Fields that every generation gives are demanded, all others may be missing; words are not checked
 * against lists, as newer servers know more of them. What the API document names and nobody here needs is listed as `ignored`, so that
 * what is left over is news.
 */
const ignored = z.unknown().optional();

const health = z
  .object({ healthy: z.boolean().nullish(), reason: optionalText })
  .nullish()
  .transform(value => value ?? null);

/** The document calls no field certain: that a schema reads what it permits is checked with all of them there. */
type Told<Name extends keyof CoderApi> = Required<CoderApi[Name]>;

const taskFields = z.looseObject({
  id: z.string(),
  name: z.string(),
  owner_name: z.string(),
  status: z.string(),
  display_name: optionalText,
  owner_id: ignored,
  owner_avatar_url: ignored,
  organization_id: optionalText,
  initial_prompt: optionalText,
  current_state: z
    .object({ message: optionalText, state: optionalText, timestamp: optionalTime, uri: optionalText })
    .nullish()
    .transform(value => value ?? null),
  template_id: ignored,
  template_name: optionalText,
  template_display_name: ignored,
  template_icon: ignored,
  template_version_id: ignored,
  workspace_id: optionalId,
  workspace_name: optionalText,
  workspace_status: optionalText,
  workspace_build_number: z.number().nullish(),
  workspace_agent_id: optionalId,
  workspace_agent_lifecycle: optionalText,
  workspace_agent_health: health,
  workspace_app_id: ignored,
  created_at: optionalTime,
  updated_at: optionalTime,
});
export const taskSchema = readerOf<Told<'codersdk.Task'>>()(taskFields);
export type UpstreamTask = z.output<typeof taskSchema>;

export const taskListSchema = z.object({ tasks: z.array(taskSchema).nullable() }).transform(({ tasks }) => tasks ?? []);

export const taskLogsSchema = z.object({
  logs: z
    .array(
      z.object({
        id: z.number(),
        content: z.string(),
        time: z.string(),
        type: z.string(),
      }),
    )
    .nullable(),
  snapshot: z.boolean().nullish(),
  snapshot_at: optionalTime,
});

const chatFields = {
  id: z.string(),
  status: z.string(),
  owner_username: optionalText,
  owner_name: optionalText,
  owner_id: optionalText,
  title: optionalText,
  archived: z.boolean().nullish(),
  organization_id: optionalText,
  workspace_id: optionalId,
  agent_id: optionalId,
  build_id: ignored,
  parent_chat_id: optionalId,
  root_chat_id: ignored,
  labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform(value => value ?? {}),
  last_error: z
    .object({ message: optionalText, detail: optionalText, kind: optionalText })
    .nullish()
    .transform(value => value ?? null),
  last_turn_summary: optionalText,
  created_at: optionalTime,
  updated_at: optionalTime,
  client_type: ignored,
  context: ignored,
  diff_status: ignored,
  files: ignored,
  has_unread: ignored,
  last_model_config_id: ignored,
  mcp_server_ids: ignored,
  pin_order: ignored,
  plan_mode: ignored,
  shared: ignored,
  warnings: ignored,
};
/** A chat that another one has begun has none of its own. */
const childSchema = readerOf<Told<'codersdk.Chat'>>()(z.looseObject({ ...chatFields, children: ignored }));
export type UpstreamChat = z.output<typeof childSchema>;
export const chatSchema = z.looseObject({
  ...chatFields,
  children: z
    .array(childSchema)
    .nullish()
    .transform(value => value ?? []),
});

export const chatListSchema = z
  .array(chatSchema)
  .nullable()
  .transform(chats => chats ?? []);

const messagePart = z.looseObject({
  type: z.string(),
  text: optionalText,
  tool_name: optionalText,
  tool_call_id: optionalText,
  is_error: z.boolean().nullish(),
  created_at: optionalText,
});
export const chatMessagesSchema = z.object({
  messages: z
    .array(
      z.object({
        id: z.number(),
        role: z.string(),
        created_at: z.string(),
        content: z.array(messagePart).nullish(),
      }),
    )
    .nullable(),
  has_more: z.boolean().nullish(),
});

export const chatPromptsSchema = z.object({
  prompts: z.array(z.object({ id: z.number(), text: z.string() })).nullable(),
});

export const templateListSchema = z
  .array(
    z.object({
      id: z.string(),
      name: z.string(),
      active_version_id: z.string(),
      organization_id: z.string(),
      organization_name: optionalText,
    }),
  )
  .nullable()
  .transform(templates => templates ?? []);
export type UpstreamTemplate = z.output<typeof templateListSchema>[number];

export const userSchema = z.object({
  id: z.string(),
  username: z.string(),
  organization_ids: z.array(z.string()).nullish(),
});

const build = z.object({ id: z.string(), transition: z.string(), status: optionalText });
export const buildSchema = build;

export const workspaceSchema = z.object({
  id: z.string(),
  name: z.string(),
  owner_name: optionalText,
  organization_id: optionalText,
  task_id: optionalId,
  latest_build: build.nullish(),
});
export type UpstreamWorkspace = z.output<typeof workspaceSchema>;

export const workspaceListSchema = z.object({
  workspaces: z.array(workspaceSchema).nullable(),
  count: z.number().nullish(),
});

export const agentLogsSchema = z
  .array(z.object({ id: z.number(), created_at: z.string(), level: z.string(), output: z.string() }))
  .nullable()
  .transform(logs => logs ?? []);
