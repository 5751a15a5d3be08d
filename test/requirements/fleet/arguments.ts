import type { ToolArguments } from '../tool-arguments.ts';

interface Tool extends ToolArguments {
  /** Read-only, destructive, idempotent, open-world. */
  readonly hints: string;
  /** What Coder MCP's documents call it with, and nothing else. */
  readonly documented: readonly string[];
}

/** An agent that is there as long as the manifest runs, so that other arguments than its id are what is refused. */
export const AGENT_ID = '5f1d7c9e-2b1a-4b6f-9a53-0c8e6a1d2f3b';

const text = { refused: [7] };
const provider = { default: 'all', refused: ['elsewhere', 7] };
const user = { default: 'me', refused: [7] };
const agent_id = { refused: ['', 7, 'x'.repeat(257)] };
const limit = { default: 100, refused: [0, 1001, 1.5, 'ten'] };
const cursor = { refused: [7, 'nonsense'] };
const idempotency_key = { refused: ['', 'x'.repeat(129), 7] };

/** The seven tools. */
export const tools: Readonly<Record<string, Tool>> = {
  list_all_agents: {
    hints: 'RIO',
    required: {},
    args: {
      status: { refused: ['sleeping', '', 7] },
      user: text,
      provider,
      capability: text,
      query: text,
      include_inactive: { default: false, refused: ['yes', 1] },
      limit,
      cursor,
    },
    documented: ['status', 'user'],
  },
  get_fleet_status_metrics: { hints: 'RIO', required: {}, args: { provider }, documented: [] },
  get_agent_details_by_id: {
    hints: 'RIO',
    required: { agent_id: AGENT_ID },
    args: { user, agent_id, provider, include_logs: { default: false, refused: ['yes', 1] } },
    documented: ['user', 'agent_id'],
  },
  get_agent_execution_logs: {
    hints: 'RIO',
    required: { agent_id: AGENT_ID },
    args: {
      user,
      agent_id,
      level: { refused: ['loud', '', 7] },
      limit,
      since: { refused: ['yesterday', 'Jan 1 2026', '', 7] },
      source: { refused: ['moon', 7] },
      provider,
      cursor,
    },
    documented: ['user', 'agent_id', 'level', 'limit'],
  },
  create_new_agent_task: {
    hints: 'O',
    required: { prompt: 'x', workspace_name: 'nowhere' },
    args: {
      user,
      prompt: { refused: ['', ' \n', 7] },
      workspace_name: { refused: ['', ' ', 7] },
      template_name: text,
      rich_parameters: { refused: ['x', [1], 7] },
      preset: text,
      display_name: { refused: ['x'.repeat(65), 7] },
      when_busy: { default: 'queue', refused: ['interrupt', 7] },
      provider,
      idempotency_key,
    },
    documented: ['user', 'prompt', 'workspace_name', 'template_name', 'rich_parameters'],
  },
  delete_agent_workspace: {
    hints: 'DIO',
    required: { workspace_id: AGENT_ID },
    args: { workspace_id: { refused: ['', 7] }, provider },
    documented: ['workspace_id'],
  },
  send_input_to_agent: {
    hints: 'O',
    required: { agent_id: AGENT_ID, input_text: 'x' },
    args: {
      user,
      agent_id,
      input_text: { refused: ['', ' \n', 7] },
      when_busy: { default: 'queue', refused: ['wait', 7] },
      when_paused: { default: 'resume', refused: ['queue', 7] },
      provider,
      idempotency_key,
    },
    documented: ['user', 'agent_id', 'input_text'],
  },
};
