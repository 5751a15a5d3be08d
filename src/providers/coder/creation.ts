import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../errors/app-error.ts';
import type { CreateAgent } from '../provider.ts';
import type { ChatsApi } from './chats-api.ts';
import { aboutWorkspace, isUnknownAgent, mayBeDone } from './failures.ts';
import type { TasksApi } from './tasks-api.ts';
import { parameterValues, presetField, templateNamed } from './templates.ts';
import type { UpstreamChat, UpstreamTask, UpstreamTemplate, UpstreamWorkspace } from './upstream.ts';
import type { WorkspacesApi } from './workspaces-api.ts';

/** How long what was ordered is looked for. */
export interface LookTimes {
  /** For the task of a workspace that was made for it. */
  readonly taskMs: number;
  /** Between looks; they become rarer. */
  readonly everyMs: number;
  /** Looks for something whose making was not answered. */
  readonly lostLooks: number;
}

export interface CreationParts {
  readonly workspaces: WorkspacesApi;
  readonly defaultTemplate: string | undefined;
  readonly looks: LookTimes;
  readonly signal: AbortSignal;
}

/** Makes a task; with parameters by way of a workspace of its own, as tasks take none. */
export async function createTask(
  request: CreateAgent,
  parts: CreationParts & { tasks: TasksApi },
): Promise<UpstreamTask> {
  const { tasks, signal } = parts;
  const template = await templateOf(request, parts);
  if (hasParameters(request)) return await createTaskInWorkspace(request, { ...parts, template });
  const { user, prompt, name, displayName, preset } = request;
  const body = {
    template_version_id: template.active_version_id,
    input: prompt,
    name,
    ...(displayName === undefined ? {} : { display_name: displayName }),
    ...presetField(preset),
  };
  return await orFound(() => tasks.create(user, { body, signal }), {
    find: () => findTask(request, parts),
    parts,
  });
}

const hasParameters = ({ parameters = {} }: CreateAgent): boolean => Object.keys(parameters).length > 0;

/** The task of that name, if it was made with that prompt. */
export async function findTask(
  { user, name, prompt }: CreateAgent,
  { tasks, signal }: { tasks: TasksApi; signal: AbortSignal },
): Promise<UpstreamTask | undefined> {
  try {
    const task = await tasks.get({ user, id: name }, signal);
    return task.initial_prompt === prompt ? task : undefined;
  } catch (error) {
    if (isUnknownAgent(error)) return undefined;
    throw error;
  }
}

/** The task of a workspace that an earlier attempt has ordered with this prompt; undefined where there is none, or none of it. */
export async function findOrderedTask(
  request: CreateAgent,
  parts: CreationParts & { tasks: TasksApi },
): Promise<UpstreamTask | undefined> {
  if (!hasParameters(request)) return undefined;
  const { user, name, prompt } = request;
  const workspace = await parts.workspaces.named({ user, name }, parts.signal);
  const task = workspace && (await taskOfWorkspace(workspace, { ...parts, user }));
  return task?.initial_prompt === prompt ? task : undefined;
}

/** Coder makes a task of a workspace whose template asks for an `AI Prompt`. */
async function createTaskInWorkspace(
  request: CreateAgent,
  parts: CreationParts & { tasks: TasksApi; template: UpstreamTemplate },
): Promise<UpstreamTask> {
  const { template, workspaces, signal } = parts;
  const { user, prompt } = request;
  const workspace = await createWorkspace(request, {
    ...parts,
    values: [...parameterValues(request.parameters ?? {}), { name: 'AI Prompt', value: prompt }],
  });
  const task = await taskOfWorkspace(workspace, { ...parts, user });
  if (task) return task;
  await workspaces.build(workspace.id, { transition: 'delete', byStatus: aboutWorkspace(workspace.id), signal });
  throw new AppError(
    'CAPABILITY_UNSUPPORTED',
    `The template ${template.name} makes no tasks of workspaces with parameters, which this Coder server needs`,
    {
      hint: 'leave rich_parameters out, or give the values as a preset; the workspace is being deleted again',
      details: { capabilities: ['create'], template_name: template.name, workspace_name: request.name },
    },
  );
}

/** Waits for it; undefined when none comes in time. */
async function taskOfWorkspace(
  { id }: UpstreamWorkspace,
  { tasks, user, looks, signal }: CreationParts & { tasks: TasksApi; user: string },
): Promise<UpstreamTask | undefined> {
  const until = performance.now() + looks.taskMs;
  for (let waitMs = looks.everyMs; ; waitMs = Math.min(waitMs * 2, 8 * looks.everyMs)) {
    const all = await tasks.list({ owner: user, signal });
    const task = all.find(each => each.workspace_id === id);
    if (task || performance.now() + waitMs > until) return task;
    await delay(waitMs, undefined, { signal });
  }
}

/** Makes a chat that is bound to a workspace: that of this name, or a new one from the template. */
export async function createChat(
  request: CreateAgent,
  parts: CreationParts & { chats: ChatsApi },
): Promise<{ chat: UpstreamChat; workspace: UpstreamWorkspace }> {
  const { chats, workspaces, signal } = parts;
  const { user, name, prompt } = request;
  const existing = await workspaces.named({ user, name }, signal);
  const template = existing ? undefined : await templateOf(request, parts);
  const workspace =
    existing ??
    (template &&
      (await createWorkspace(request, {
        ...parts,
        template,
        values: parameterValues(request.parameters ?? {}),
      })));
  if (!workspace) throw noWorkspace(request);
  const organizationId =
    template?.organization_id ?? workspace.organization_id ?? (await organizationOf(user, { workspaces, signal }));
  const create = () => chats.create({ organizationId, prompt, name, workspaceId: workspace.id, signal });
  const chat = await orFound(create, { find: () => findChat(request, parts), parts });
  return { chat: await entitled(chat, request, { chats, signal }), workspace };
}

/** Gives a chat its title, which none can be made with. The chat is there, so that this failed is told beside it. */
async function entitled(
  chat: UpstreamChat,
  { user, displayName }: CreateAgent,
  { chats, signal }: { chats: ChatsApi; signal: AbortSignal },
): Promise<UpstreamChat> {
  if (displayName === undefined) return chat;
  try {
    await chats.change({ user, id: chat.id }, { body: { title: displayName }, signal });
    return { ...chat, title: displayName };
  } catch (error) {
    if (error instanceof AppError) return { ...chat, display_name_error: error.message };
    throw error;
  }
}

/** The chat that was made under that name, if it was begun with that prompt. */
export async function findChat(
  { user, name, prompt }: CreateAgent,
  { chats, signal }: { chats: ChatsApi; signal: AbortSignal },
): Promise<UpstreamChat | undefined> {
  for (const chat of await chats.named(name, signal)) {
    if (chat.archived !== true && (await chats.firstPrompt({ user, id: chat.id }, signal)) === prompt) return chat;
  }
  return undefined;
}

async function organizationOf(
  user: string,
  { workspaces, signal }: { workspaces: WorkspacesApi; signal: AbortSignal },
): Promise<string> {
  const { organization_ids: ids } = await workspaces.user(user, signal);
  const [id] = ids ?? [];
  if (id !== undefined) return id;
  throw new AppError('VALIDATION_ERROR', `Invalid request: the user ${user} is in no organization`, {
    details: { field: 'user' },
  });
}

async function createWorkspace(
  request: CreateAgent,
  parts: CreationParts & { template: UpstreamTemplate; values: { name: string; value: string }[] },
): Promise<UpstreamWorkspace> {
  const { workspaces, template, values, signal } = parts;
  const { user, name, preset } = request;
  const body = {
    name,
    template_version_id: template.active_version_id,
    rich_parameter_values: values,
    ...presetField(preset),
  };
  return await orFound(() => workspaces.create(user, { body, signal }), {
    find: () => workspaces.named({ user, name }, signal),
    parts,
  });
}

async function templateOf(request: CreateAgent, parts: CreationParts): Promise<UpstreamTemplate> {
  const name = request.template ?? parts.defaultTemplate;
  if (name === undefined) throw noWorkspace(request);
  return templateNamed(name, await parts.workspaces.templates(parts.signal));
}

const noWorkspace = ({ name, user }: CreateAgent): AppError =>
  new AppError('WORKSPACE_NOT_FOUND', `Workspace not found: ${name}`, {
    hint: 'give template_name to create it',
    details: { workspace_name: name, user },
  });

/**
 * What an order made. It is never given twice: when its answer is lost, what it should have made is looked for, and where that is not
 * there the error stands.
 */
async function orFound<T>(
  order: () => Promise<T>,
  { find, parts: { looks, signal } }: { find: () => Promise<T | undefined>; parts: CreationParts },
): Promise<T> {
  try {
    return await order();
  } catch (error) {
    if (!mayBeDone(error)) throw error;
    for (let look = 0; look < looks.lostLooks; look++) {
      const found = await find();
      if (found !== undefined) return found;
      await delay(looks.everyMs, undefined, { signal });
    }
    throw error;
  }
}
