import { cli, http, machine, mcp, type Requirement } from '../requirement.ts';
import { verifiedElsewhere } from './elsewhere.ts';

/** Every row of the fleet contract. `mcp` stands for stdio and HTTP in both protocol eras, and operations over HTTP. */

const tools: Requirement[] = [
  mcp(
    'tools.listed',
    'the seven tools are listed under their names, with the stream of events and the handles of tasks',
  ),
  mcp('tools.hints', 'each tool has a title, a description, an output schema that requires success, and its hints'),
  machine('tools.scopes', 'reading takes fleet:read, changing fleet:write; pausing and its like are no tools'),
  mcp('arguments.listed', 'each tool lists its arguments, what it requires, and defaults'),
  mcp('arguments.bounds', 'each argument is refused out of its bounds, of another kind or another word, by its name'),
  mcp('arguments.strict', 'an unknown argument is refused, naming the valid ones; a missing one is named'),
  mcp('arguments.documented', 'golden 1: each tool is called with exactly the arguments of the earlier documents'),
  mcp(
    'tool.list_all_agents',
    'lists agents in order, by status in any case, user, capability, text; in pages of one list',
  ),
  mcp('tool.get_fleet_status_metrics', 'counts by status, with utilization and health; by provider and user; sums fit'),
  mcp('tool.get_agent_details_by_id', 'gives an agent in the form of the contract, with its newest 20 log entries'),
  mcp(
    'tool.get_agent_execution_logs',
    'gives log entries by level, limit, time and source; in pages; a snapshot of a paused one',
  ),
  mcp(
    'tool.create_new_agent_task',
    'creates, sends to the agent of that name, or queues; a key gives the first answer',
  ),
  mcp('tool.delete_agent_workspace', 'orders one build; again is success; what waits for the agent is cancelled'),
  mcp('tool.send_input_to_agent', 'sends, queues, interrupts or refuses; a queued input is withdrawn'),
];

const rules: Requirement[] = [
  mcp(
    'rule.which',
    'tasks and chats, archived ones when wanted; a workspace of both is two agents; nothing is made up',
  ),
  mcp('rule.lists_once', 'twenty callers at once cause no more listings upstream than one'),
  mcp('rule.warnings', 'a provider that fails is in warnings; when all fail it is the failure'),
  mcp('rule.ids', 'agents are found by id, name, prefix and provider; two providers for one id are refused'),
  mcp('create.parameters', 'with rich_parameters the workspace is made first; values that are no texts are JSON'),
  mcp('create.offline', 'an agent that is offline or failed is AGENT_OFFLINE at once, and nothing is sent'),
  mcp(
    'input.queue',
    'a busy agent gets what waits when it is idle, first in, first out, once; what was withdrawn never',
  ),
  mcp('input.paused', 'a paused agent is resumed, awaited, then given the input; the initial prompt is not repeated'),
  mcp('local.agents', 'a session is created in a directory, given input, read, listed and disposed of'),
  mcp(
    'events.types',
    'each change is an event of its type and severity, read by type, earlier name, agent and severity',
  ),
];

const surfaces: Requirement[] = [
  mcp('error.codes', 'each code comes in the envelope with its message, details, hint and retryable'),
  mcp('error.every_tool', 'each of the seven answers each trouble of the provider with its code, in the envelope'),
  cli('error.cli', 'failures have their exit code, message and hint on the command line'),
  http('http.routes', 'each route of the contract does what its tool does'),
  http('http.events', 'GET /api/events?stream=fleet is a stream of events'),
  cli('cli.verbs', 'every verb of boxswain fleet works with its flags'),
  cli('cli.follow', 'logs --follow and watch print what comes, a line each'),
  machine(
    'configuration.keys',
    'the keys of the contract exist with its defaults; variables of both names; --env-file',
  ),
];

export const requirements: readonly Requirement[] = [...tools, ...rules, ...surfaces, ...verifiedElsewhere];
