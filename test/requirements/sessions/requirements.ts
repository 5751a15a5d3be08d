import { mcp, type Requirement } from '../requirement.ts';

/** Every row of the sessions contract. `mcp` stands for stdio and HTTP in both protocol eras, and operations over HTTP. */

const tools: Requirement[] = [
  mcp('tools.listed', 'the 21 tools are listed under their names'),
  mcp('tools.hints', 'each tool has a title, a description, an output schema and the hints of the contract'),
  mcp('arguments.listed', 'each tool lists its arguments, what it requires, and defaults'),
  mcp('arguments.bounds', 'each argument is refused out of its bounds, of another kind or another word'),
  mcp('arguments.strict', 'an unknown argument is refused, naming the valid ones; a missing one is named'),
  mcp(
    'tool.list_projects',
    'lists projects with path, count, agents, time and worker; by agent, worker, text; in pages',
  ),
  mcp('tool.list_sessions', 'lists sessions newest first; by project, agent, status, title, time; in pages'),
  mcp('tool.get_session', 'gives a session with its latest messages, those before one, and parts cut where asked'),
  mcp(
    'tool.create_session',
    'starts an agent in a directory with model, title and first prompt; a key gives the first answer',
  ),
  mcp('tool.send_prompt', 'answers when the prompt is accepted, with turn and cursor; a key gives the first answer'),
  mcp('tool.send_and_wait', 'returns the turn with its messages at its end, or at the time-out'),
  mcp('tool.abort_session', 'interrupts the turn and leaves the session usable; no turn: aborted false'),
  mcp('tool.dispose_session', 'ends the agent; again: disposed false; the next prompt resumes'),
  mcp('tool.fork_session', 'copies up to a message, or the last; original and fork are independent'),
  mcp('tool.rename_session', 'gives another title, trimmed to 120 characters'),
  mcp('tool.list_permissions', 'lists requests that wait, or all, of a session or of all'),
  mcp('tool.respond_permission', 'answers once; allow with another input, deny with a message'),
  mcp('tool.list_agents_available', 'lists kinds of agents with what each can do, of a worker or of all'),
  mcp(
    'tool.get_project_memory',
    'gives files of a project’s memory, [] for none, PROJECT_NOT_FOUND for an unknown one',
  ),
  mcp('tool.search_sessions', 'finds sessions by words, with snippet, role and counts; by project, agent, role, time'),
  mcp('tool.poll_events', 'gives events of a stream after a cursor, filtered by type, and the next cursor'),
  mcp('tool.get_health', 'says name, version, uptime, live sessions, workers and mode'),
  mcp('tool.get_health_details', 'says the state of each part, and the newest entries of the log'),
  mcp('tool.get_state', 'gives markers, preferences, recent directories and a version'),
  mcp('tool.update_state', 'merges by key, removes by null, replaces recentCwds; checks the version'),
  mcp('tool.get_observability', 'sums tokens and cost by project, agent, model and day'),
];

export const requirements: readonly Requirement[] = [...tools];
