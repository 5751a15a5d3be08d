import type { SessionRoute } from './session-table.ts';

/** Agents of all providers. */
export const fleetRoutes: readonly SessionRoute[] = [
  { at: 'GET /api/agents', operation: 'list_all_agents', status: 200 },
  { at: 'POST /api/agents', operation: 'create_new_agent_task', status: 201 },
  { at: 'GET /api/agents/:agent_id', operation: 'get_agent_details_by_id', status: 200 },
  { at: 'GET /api/agents/:agent_id/logs', operation: 'get_agent_execution_logs', status: 200 },
  { at: 'POST /api/agents/:agent_id/input', operation: 'send_input_to_agent', status: 202 },
  { at: 'POST /api/agents/:agent_id/pause', operation: 'pause_agent', status: 202 },
  { at: 'POST /api/agents/:agent_id/resume', operation: 'resume_agent', status: 202 },
  { at: 'POST /api/agents/:agent_id/interrupt', operation: 'interrupt_agent', status: 202 },
  { at: 'DELETE /api/agents/workspaces/:workspace_id', operation: 'delete_agent_workspace', status: 202 },
  { at: 'GET /api/fleet/status', operation: 'get_fleet_status_metrics', status: 200 },
];
