import type { z } from 'zod';
import type { StatusTable } from '../http/failures.ts';
import type { Upstream } from '../http/upstream.ts';
import type { CoderApi } from './api.gen.ts';
import { aboutUser, aboutWorkspace, segment } from './failures.ts';
import { quoted } from './tasks-api.ts';
import {
  agentLogsSchema,
  buildSchema,
  templateListSchema,
  type UpstreamTemplate,
  type UpstreamWorkspace,
  userSchema,
  workspaceListSchema,
  workspaceSchema,
} from './upstream.ts';

type NewWorkspace = CoderApi['codersdk.CreateWorkspaceRequest'];

/** What every generation of Coder has: workspaces, their builds, their agents' logs, templates and users. */
export class WorkspacesApi {
  readonly #upstream: Upstream;

  constructor({ upstream }: { upstream: Upstream }) {
    this.#upstream = upstream;
  }

  /** By name or id; `me` is whose token it is. VALIDATION_ERROR for one that nobody knows. */
  user(user: string, signal: AbortSignal): Promise<z.output<typeof userSchema>> {
    const path = `/api/v2/users/${segment(user)}`;
    return this.#upstream.request({ method: 'GET', path, reads: userSchema, byStatus: aboutUser(user), signal });
  }

  templates(signal: AbortSignal): Promise<UpstreamTemplate[]> {
    return this.#upstream.request({ method: 'GET', path: '/api/v2/templates', reads: templateListSchema, signal });
  }

  /** Those that the token may see; where the server gives them in pages, all pages after the first at once. */
  async list({ q, signal }: { q?: string; signal: AbortSignal }): Promise<UpstreamWorkspace[]> {
    const first = await this.#page({ q, signal });
    const size = first.workspaces?.length ?? 0;
    const missing = size === 0 ? 0 : Math.ceil((first.count ?? 0) / size) - 1;
    const offsets = Array.from({ length: Math.max(0, missing) }, (_, page) => (page + 1) * size);
    const others = await Promise.all(offsets.map(offset => this.#page({ q, offset, limit: size, signal })));
    const all = [first, ...others].flatMap(({ workspaces }) => workspaces ?? []);
    return [...new Map(all.map(workspace => [workspace.id, workspace])).values()];
  }

  /** The workspace of that owner with that name. */
  async named(
    { user, name }: { user: string; name: string },
    signal: AbortSignal,
  ): Promise<UpstreamWorkspace | undefined> {
    const found = await this.list({ q: `owner:${quoted(user)} name:${quoted(name)}`, signal });
    // The search finds names that hold this one, too.
    return found.find(workspace => workspace.name === name);
  }

  /** WORKSPACE_NOT_FOUND for one that never was; one that was deleted is found. */
  get(id: string, signal: AbortSignal): Promise<UpstreamWorkspace> {
    return this.#upstream.request({
      method: 'GET',
      path: `/api/v2/workspaces/${segment(id)}`,
      query: { include_deleted: true },
      reads: workspaceSchema,
      byStatus: aboutWorkspace(id),
      signal,
    });
  }

  create(user: string, { body, signal }: { body: NewWorkspace; signal: AbortSignal }): Promise<UpstreamWorkspace> {
    const path = `/api/v2/users/${segment(user)}/workspaces`;
    const request = { method: 'POST', path, body, reads: workspaceSchema, signal } as const;
    return this.#upstream.request({ ...request, byStatus: aboutUser(user) });
  }

  build(
    id: string,
    options: { transition: 'start' | 'stop' | 'delete'; byStatus: StatusTable; signal: AbortSignal },
  ): Promise<z.output<typeof buildSchema>> {
    const { transition, byStatus, signal } = options;
    const path = `/api/v2/workspaces/${segment(id)}/builds`;
    const body: CoderApi['codersdk.CreateWorkspaceBuildRequest'] = { transition };
    return this.#upstream.request({ method: 'POST', path, body, reads: buildSchema, byStatus, signal });
  }

  agentLogs(agentId: string, { byStatus, signal }: { byStatus: StatusTable; signal: AbortSignal }) {
    const path = `/api/v2/workspaceagents/${segment(agentId)}/logs`;
    return this.#upstream.request({ method: 'GET', path, reads: agentLogsSchema, byStatus, signal });
  }

  #page({ signal, ...query }: { q?: string; offset?: number; limit?: number; signal: AbortSignal }) {
    const path = '/api/v2/workspaces';
    return this.#upstream.request({ method: 'GET', path, query, reads: workspaceListSchema, signal });
  }
}
