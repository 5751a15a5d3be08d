import { z } from 'zod';
import type { Upstream } from '../http/upstream.ts';
import type { AgentRef } from '../provider.ts';
import type { CoderApi } from './api.gen.ts';
import { aboutAgent, aboutUser, segment } from './failures.ts';
import type { Generation } from './generations.ts';
import { taskListSchema, taskLogsSchema, taskSchema, type UpstreamTask } from './upstream.ts';
import type { WorkspacesApi } from './workspaces-api.ts';

const anything = z.unknown();

type NewTask = CoderApi['codersdk.CreateTaskRequest'];

/** Coder's tasks, in one of their two generations, which have the same shapes. */
export class TasksApi {
  readonly #upstream: Upstream;
  readonly #workspaces: WorkspacesApi;
  readonly #path: NonNullable<Generation['tasks']>;

  constructor(
    path: NonNullable<Generation['tasks']>,
    { upstream, workspaces }: { upstream: Upstream; workspaces: WorkspacesApi },
  ) {
    this.#path = path;
    this.#upstream = upstream;
    this.#workspaces = workspaces;
  }

  /** All that the token may see, or those of one owner. */
  list({ owner, signal }: { owner?: string; signal: AbortSignal }): Promise<UpstreamTask[]> {
    const query = owner === undefined ? {} : { q: `owner:${quoted(owner)}` };
    return this.#upstream.request({ method: 'GET', path: this.#path, query, reads: taskListSchema, signal });
  }

  /** By id or name. */
  get(agent: AgentRef, signal: AbortSignal): Promise<UpstreamTask> {
    return this.#ask(agent, { method: 'GET', reads: taskSchema, signal });
  }

  create(user: string, { body, signal }: { body: NewTask; signal: AbortSignal }): Promise<UpstreamTask> {
    const path = `${this.#path}/${segment(user)}`;
    return this.#upstream.request({ method: 'POST', path, body, reads: taskSchema, byStatus: aboutUser(user), signal });
  }

  async send(agent: AgentRef, { input, signal }: { input: string; signal: AbortSignal }): Promise<void> {
    const body: CoderApi['codersdk.TaskSendRequest'] = { input };
    await this.#ask(agent, { method: 'POST', action: '/send', body, reads: anything, signal });
  }

  logs(agent: AgentRef, signal: AbortSignal): Promise<z.output<typeof taskLogsSchema>> {
    return this.#ask(agent, { method: 'GET', action: '/logs', reads: taskLogsSchema, signal });
  }

  async pause(task: UpstreamTask, signal: AbortSignal): Promise<void> {
    await this.#turn(task, { action: '/pause', transition: 'stop', signal });
  }

  async resume(task: UpstreamTask, signal: AbortSignal): Promise<void> {
    await this.#turn(task, { action: '/resume', transition: 'start', signal });
  }

  /** Experimental servers have no word for it: their tasks are paused by stopping their workspaces. */
  async #turn(
    task: UpstreamTask,
    { action, transition, signal }: { action: string; transition: 'stop' | 'start'; signal: AbortSignal },
  ): Promise<void> {
    const agent = { user: task.owner_name, id: task.id };
    if (this.#path === '/api/v2/tasks') await this.#ask(agent, { method: 'POST', action, reads: anything, signal });
    else if (task.workspace_id !== null)
      await this.#workspaces.build(task.workspace_id, { transition, byStatus: aboutAgent(agent), signal });
  }

  #ask<T>(
    agent: AgentRef,
    {
      action = '',
      ...request
    }: { method: 'GET' | 'POST'; action?: string; body?: unknown; reads: z.ZodType<T>; signal: AbortSignal },
  ): Promise<T> {
    const path = `${this.#path}/${segment(agent.user)}/${segment(agent.id)}${action}`;
    return this.#upstream.request({ ...request, path, byStatus: aboutAgent(agent) });
  }
}

/** A value of a search query. A quote cannot be escaped in there, and is in no name. */
export const quoted = (text: string): string => (/^[\w.@-]+$/.test(text) ? text : `"${text.replaceAll('"', '')}"`);
