import { type OperationRoute, routesWith } from './operation-route.ts';

type Json = Record<string, unknown>;

/** Names that the earlier system's clients use. Longer pages, because it knew none. */
const everything = (limit: number) => (given: Json) => ({ limit, ...given });

const searched = ({ q, ...given }: Json): Json => ({ ...(q !== undefined && { query: q }), ...given });

const patched = ({ if_version, ...patch }: Json): Json => ({ ...(if_version !== undefined && { if_version }), patch });

/** The routes of CodeZ, with its statuses and bodies, and those that came with this program. */
export const sessionRoutes: readonly OperationRoute[] = [
  ...routesWith(200, [
    ['GET /api/projects', 'list_projects', { body: 'projects', argumentsOf: everything(1000) }],
    ['GET /api/projects/:slug/sessions', 'list_sessions', { body: 'sessions', argumentsOf: everything(200) }],
    ['GET /api/projects/:slug/memory', 'get_project_memory', { body: 'files' }],
    ['GET /api/sessions/:session_id', 'get_session'],
    ['PATCH /api/sessions/:session_id', 'rename_session'],
    ['GET /api/search', 'search_sessions', { argumentsOf: searched }],
    ['GET /api/permissions', 'list_permissions'],
    ['GET /api/agents/available', 'list_agents_available'],
    ['GET /api/state', 'get_state'],
    ['PATCH /api/state', 'update_state', { argumentsOf: patched }],
    ['GET /api/observability/stats', 'get_observability'],
    // Figures are never older than ten seconds, so that a snapshot is nothing else than a look.
    ['POST /api/observability/snapshot', 'get_observability'],
    ['GET /api/health', 'get_health'],
    ['GET /api/health/details', 'get_health_details'],
  ]),
  ...routesWith(201, [
    ['POST /api/projects/:slug/sessions', 'create_session'],
    ['POST /api/sessions/:session_id/fork', 'fork_session'],
  ]),
  ...routesWith(202, [
    ['POST /api/sessions/:session_id/prompt', 'send_prompt'],
    ['POST /api/sessions/:session_id/permission', 'respond_permission'],
  ]),
  ...routesWith(204, [
    ['DELETE /api/sessions/:session_id', 'dispose_session'],
    ['POST /api/sessions/:session_id/abort', 'abort_session'],
  ]),
];
