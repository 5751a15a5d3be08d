import { cli, http, machine, mcp, type Requirement } from '../requirement.ts';
import { verifiedElsewhere } from './elsewhere.ts';

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

const rules: Requirement[] = [
  mcp('rule.ids', 'a session_id that is no UUID is refused; upper case is the same session'),
  mcp('rule.newest_first', 'lists are newest first'),
  mcp('rule.reads_start_nothing', 'reads start no agent, resume nothing and change nothing'),
  mcp('rule.cwd', 'a directory that is not there, none, or outside the roots is INVALID_CWD; nothing is started'),
  mcp('rule.states', 'running, waiting_permission, running, idle, closed, as they happen'),
  mcp('rule.queue', 'prompts of a busy session wait, first in, first out, 20 at most; each ends once'),
  mcp('rule.interrupt', 'when_busy interrupt ends the running turn first'),
  mcp('rule.remember', 'leave for the session holds for it alone; leave for always can be given'),
  mcp('rule.events', 'events have the types and fields of the contract; deltas make the text; earlier names work'),
  mcp('rule.live_ids', 'messages and parts read from a session have the ids that its events had'),
];

const prompts: Requirement[] = [
  mcp('prompt.attachments', 'uploaded files go with a prompt, ten at most, bit for bit'),
  mcp('prompt.resumed', 'a session that was disposed of resumes with its mode, model and memory'),
  mcp('prompt.failed', 'a session whose agent has ended is failed, says why, and resumes with the next prompt'),
  mcp('tool.create_session.workspace', 'with workspace_id the agent works in that workspace, cwd being relative to it'),
  mcp('rule.slugs', 'slugs are looked up and never taken for paths; a project is where its sessions were'),
  mcp('rule.pages', 'pages of every list have the entries of the whole list, each once'),
];

const permissions: Requirement[] = [
  mcp('permission.expires', 'what nobody answers for an hour is denied with a message that says so'),
  mcp('permission.remember_always', 'leave for always holds for the next session of the project and for no other'),
  mcp('permission.lacks', 'what an agent lacks is CAPABILITY_UNSUPPORTED, and the request waits on'),
  mcp('permission.arguments', 'message goes with deny, updated_input with allow; of another session it is unknown'),
];

const streams: Requirement[] = [
  mcp('events.fields', 'each type of event is told and has its fields; the first one is session.created'),
  mcp('events.waits', 'a poll returns at the first matching event, or empty after its time'),
  mcp('events.task', 'the stream of a task is read from its beginning; a cursor belongs to its stream'),
  mcp('events.workspace', 'the stream of a workspace tells what becomes of it'),
  mcp('events.fleet', 'the stream of the fleet is read by agent and by severity'),
  mcp('events.gap', 'a cursor older than seven days gives the oldest event that is kept, and gap'),
  mcp('state.restart', 'state, sessions and what was said survive a restart'),
];

const places: Requirement[] = [
  mcp('rule.warnings', 'lists name a worker that does not answer, and have what the others have'),
  mcp('failure.17.workers', 'every tool reaches the sessions of every worker'),
  mcp(
    'mirror.open',
    'a session open in a terminal is mirror; a prompt is refused with the choices, nothing is written',
  ),
  mcp('prompt.expired', 'a prompt that waited for a terminal for a day has expired, is told of, and ends its turn'),
];

const settings: Requirement[] = [
  machine('environment.earlier', 'variables of the earlier system work under both prefixes; ours win'),
  machine('environment.claude', 'CLAUDE_CONFIG_DIR is where transcripts of Claude Code are'),
  machine('configuration.keys', 'the keys of the contract exist, with its defaults, and are shown by config show'),
  machine('configuration.sessions', 'the default agent, leave for bypassPermissions and the time for answers are set'),
];

const refused = (id: string, text: string): Requirement => ({ id, wires: ['http', 'cli'], text });
const refusals: Requirement[] = [
  refused('error.open_elsewhere', 'SESSION_OPEN_ELSEWHERE is 409 and exit 5, with the choices'),
  refused('error.busy', 'SESSION_BUSY is 409 and exit 5, and names the turn'),
  refused('error.not_pending', 'PERMISSION_NOT_PENDING is 409 and exit 5, and says what the request is'),
  refused('error.failed', 'SESSION_FAILED is 502 and exit 1, and says how the agent exited'),
  refused('error.unavailable', 'AGENT_UNAVAILABLE is 503 and exit 7, and says which agent, where and why'),
  refused('error.unreachable', 'WORKER_UNREACHABLE is 503 and exit 7, retryable, and names the worker'),
  refused('error.capacity', 'CAPACITY_EXCEEDED is 429 and exit 7, retryable, and names the cap'),
];

const errors: Requirement[] = [
  http('error.http', 'each error has its status, code, message, hint and form over HTTP'),
  cli('error.cli', 'each error has its exit code, message and hint on the command line'),
  ...refusals,
];

const history: Requirement[] = [
  mcp('history.projects', 'paths come from records; of two projects of one slug the later has ~ and an id'),
  mcp(
    'history.session',
    'a transcript is read as a parked session, each answer one message, with its command to resume',
  ),
  mcp('history.search', 'all words, phrases, prefixes, roles; one result per session, in the case it was written'),
  mcp('failure.01', 'get_project_memory gives the files of a project that has memory, and [] for one that has none'),
  mcp('failure.09', 'tokens once per message id over whole transcripts, recorded costs, unpriced sessions counted'),
  mcp('history.forked', 'a session that only a transcript tells of is read, renamed and listed by its new title'),
  mcp('history.memory_all', 'include all adds instructions and rules; 256 KiB of a file; over HTTP and CLI too'),
  mcp('history.untouched', 'nothing that is asked changes what agents wrote'),
  mcp('usage.fresh', 'usage follows what is recorded within ten seconds'),
  machine('history.appended', 'a line that an agent appends is found, after a torn one too'),
];

const surfaces: Requirement[] = [
  http('http.events', 'GET /api/events: server.connected first, data only, id a cursor, goes on after Last-Event-ID'),
  cli('cli.verbs', 'every verb of boxswain sessions works, and boxswain health'),
  cli('cli.follow', 'events --follow prints each event as a line of JSON, until it is interrupted'),
  cli('cli.hooks', 'hooks install shows the change, asks, keeps a copy; remove undoes it'),
];

export const requirements: readonly Requirement[] = [
  ...tools,
  ...rules,
  ...prompts,
  ...permissions,
  ...streams,
  ...places,
  ...errors,
  ...history,
  ...surfaces,
  ...settings,
  ...verifiedElsewhere,
];
