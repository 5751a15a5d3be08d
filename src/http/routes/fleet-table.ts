import { type OperationRoute, routesWith } from './operation-route.ts';

/** Agents of all providers. */
export const fleetRoutes: readonly OperationRoute[] = [
  ...routesWith(200, [
    ['GET /api/agents', 'list_all_agents'],
    ['GET /api/agents/:agent_id', 'get_agent_details_by_id'],
    ['GET /api/agents/:agent_id/logs', 'get_agent_execution_logs'],
    ['GET /api/fleet/status', 'get_fleet_status_metrics'],
  ]),
  ...routesWith(201, [['POST /api/agents', 'create_new_agent_task']]),
  ...routesWith(202, [
    ['POST /api/agents/:agent_id/input', 'send_input_to_agent'],
    ['POST /api/agents/:agent_id/pause', 'pause_agent'],
    ['POST /api/agents/:agent_id/resume', 'resume_agent'],
    ['POST /api/agents/:agent_id/interrupt', 'interrupt_agent'],
    ['DELETE /api/agents/workspaces/:workspace_id', 'delete_agent_workspace'],
  ]),
];
