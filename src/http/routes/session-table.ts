type Json = Record<string, unknown>;

/** One route of `/api` that is an operation under another spelling. */
export interface SessionRoute {
  /** Method and path; what stands in the path under a name becomes the argument of that name. */
  readonly at: `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /api/${string}`;
  readonly operation: string;
  /** Of a success; 204 has no body. */
  readonly status: 200 | 201 | 202 | 204;
  /** The part of the output that is the body; absent: all of it. */
  readonly body?: string;
  /** Arguments of the operation, where they are not what came in query, body and path under the same names. */
  readonly argumentsOf?: (given: Json) => Json;
}

/** Names that the earlier system's clients use. Longer pages, because it knew none. */
const everything = (limit: number) => (given: Json) => ({ limit, ...given });

/** The routes of CodeZ, with its statuses and bodies, and those that came with this program. */
export const sessionRoutes: readonly SessionRoute[] = [
  { at: 'GET /api/projects', operation: 'list_projects', status: 200, body: 'projects', argumentsOf: everything(1000) },
  {
    at: 'GET /api/projects/:slug/sessions',
    operation: 'list_sessions',
    status: 200,
    body: 'sessions',
    argumentsOf: everything(200),
  },
  { at: 'POST /api/projects/:slug/sessions', operation: 'create_session', status: 201 },
  { at: 'GET /api/projects/:slug/memory', operation: 'get_project_memory', status: 200, body: 'files' },
  { at: 'GET /api/sessions/:session_id', operation: 'get_session', status: 200 },
  { at: 'PATCH /api/sessions/:session_id', operation: 'rename_session', status: 200 },
  { at: 'DELETE /api/sessions/:session_id', operation: 'dispose_session', status: 204 },
  { at: 'POST /api/sessions/:session_id/prompt', operation: 'send_prompt', status: 202 },
  { at: 'POST /api/sessions/:session_id/abort', operation: 'abort_session', status: 204 },
  { at: 'POST /api/sessions/:session_id/fork', operation: 'fork_session', status: 201 },
  { at: 'POST /api/sessions/:session_id/permission', operation: 'respond_permission', status: 202 },
  {
    at: 'GET /api/search',
    operation: 'search_sessions',
    status: 200,
    argumentsOf: ({ q, ...given }) => ({ ...(q !== undefined && { query: q }), ...given }),
  },
  { at: 'GET /api/permissions', operation: 'list_permissions', status: 200 },
  { at: 'GET /api/agents/available', operation: 'list_agents_available', status: 200 },
  { at: 'GET /api/state', operation: 'get_state', status: 200 },
  {
    at: 'PATCH /api/state',
    operation: 'update_state',
    status: 200,
    argumentsOf: ({ if_version, ...patch }) => ({ ...(if_version !== undefined && { if_version }), patch }),
  },
  { at: 'GET /api/observability/stats', operation: 'get_observability', status: 200 },
  // Figures are never older than ten seconds, so that a snapshot is nothing else than a look.
  { at: 'POST /api/observability/snapshot', operation: 'get_observability', status: 200 },
  { at: 'GET /api/health', operation: 'get_health', status: 200 },
  { at: 'GET /api/health/details', operation: 'get_health_details', status: 200 },
];
