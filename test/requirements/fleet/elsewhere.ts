import { type Requirement, rowsOf } from '../requirement.ts';

/** Rows that tests of their own verify, by the test's name. */

/** Sections 3.1 and 3.2: which agents, in which order, and how one is found. */
const agents = [
  ...rowsOf('src/hub/fleet/fleet.test.ts', ['process'])([
    [
      'rule.order',
      'busy, running, error, idle, offline, stopped; then newest; then id; a cursor reads one snapshot',
      'agents are listed by status',
    ],
    ['rule.at_once', '10 callers at once cause one listing', 'twenty callers at once'],
    ['rule.age', 'an answer is listed anew once it is old, and after a change', 'an answer is listed anew'],
    [
      'rule.finding',
      'digits are Codegen’s, a UUID a session’s or Coder’s, another text a task’s name',
      'an id is found by its form',
    ],
    ['rule.me', 'user me is the owner of the credentials', 'user me is the owner'],
    ['rule.conflict', 'conflict names another caller’s change of the last 30 s', 'who changed the same agent'],
  ]),
  ...rowsOf('src/config/fleet.test.ts', ['process'])([
    ['rule.toolset', 'listed when a provider is configured or it is named', 'the toolset is offered'],
  ]),
  ...rowsOf('src/hub/fleet/local-agents.test.ts', ['process'])([
    [
      'status.local',
      'each state of a session has its status; without a lease it is offline',
      'each state of a session',
    ],
  ]),
  ...rowsOf('src/hub/fleet/local-agents.test.ts', ['process'])([
    ['rule.workspace', 'workspace_id of a session is that of its sandbox, or its own id', 'a session in a sandbox'],
  ]),
  ...rowsOf('test/fleet/golden.test.ts', ['http'])([
    [
      'rule.status_words',
      'a status that is none names the valid ones, in details.field status',
      'a status that is none',
    ],
  ]),
  ...rowsOf('test/fleet/codegen.test.ts', ['http'])([
    [
      'codegen.agents',
      'runs of Codegen are listed, created, resumed when complete, queued while active, not deleted',
      'runs of Codegen are agents',
    ],
  ]),
  ...rowsOf('test/fleet/local.test.ts', ['http'])([
    ['local.queue', 'input for a session at work waits and arrives once', 'input for a session at work'],
    [
      'local.events',
      'sessions are told of in the stream, to whoever polls and whoever follows',
      'what becomes of sessions',
    ],
  ]),
];

/** Section 3.3: what Coder, Codegen and sessions say, and what it means. */
const statuses = [
  ...rowsOf('src/providers/coder/task-status.test.ts', ['process'])([
    [
      'status.words',
      'every word of the API document has its status',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the test's name has it.
      'every ${name} of the API document has its meaning',
    ],
    [
      'status.first_match',
      'rules 1 to 10: in every combination the first that fits decides',
      'in every combination of known words',
    ],
    ['status.older', 'older servers give the status of the workspace', 'an older server gives'],
    ['status.offline', 'rule 5: not healthy, or not there', 'an agent that is not healthy'],
    ['status.unknown', 'rule 10: any other word', 'words that nobody knows'],
    ['status.connected', 'connected is healthy and ready, or past a slow start', 'only a healthy agent'],
    ['status.capabilities', 'capabilities are what may be asked of this agent', 'what can be asked of a task'],
    ['status.chats', 'each status of a chat', 'every status of a chat'],
    ['status.waiting', 'requires_action is busy with metadata.waiting', 'a chat that requires action'],
  ]),
  ...rowsOf('src/providers/codegen/codegen-provider.test.ts', ['process'])([
    ['status.codegen', 'each word of a run', 'every word of the service has its status'],
    ['rule.codegen', 'active runs and those of the last 24 h', 'the list has runs that go on'],
    ['codegen.cannot', 'what runs cannot is CAPABILITY_UNSUPPORTED', 'what the service cannot do'],
  ]),
];

/** Section 3.4: generations of Coder's API. */
const generations = [
  ...rowsOf('test/providers/coder/generations.test.ts', ['process'])([
    [
      'generation.probed',
      'each generation is found out without configuration, once',
      'is found out without configuration',
    ],
    ['generation.list', 'each lists', 'lists agents with their statuses'],
    ['generation.send', 'each sends', 'sends input to an idle agent once'],
    ['generation.create', 'each creates', 'creates an agent from a template'],
    ['generation.parameters', 'each creates with parameters', 'creates an agent with parameters'],
    ['generation.delete', 'each deletes', 'deletes a workspace with one build'],
    ['generation.pause', 'each pauses', 'pauses an agent at work'],
    ['generation.unknown', 'an unknown agent, for all that is asked of it', 'an id that nobody has'],
  ]),
  ...rowsOf('test/providers/coder/generation-cache.test.ts', ['process'])([
    ['generation.holds', 'known for ten minutes', 'what a server has is known for ten minutes'],
    [
      'generation.gains',
      'chats that appear, and newer tasks, are followed within one minute',
      'a server that gains chats',
    ],
    ['generation.chosen', 'coder.api skips probing', 'a choice in the configuration'],
  ]),
  ...rowsOf('test/providers/coder/golden.test.ts', ['process'])([
    ['generation.both', 'both are listed; coder.create chooses what is made', 'tasks and chats of one server'],
    ['generation.resume', 'pause and resume; on experimental a start build', 'a paused task is resumed'],
    ['chat.logs', 'messages of chats, with parts of tools', 'all of a long chat is read'],
    ['logs.levels', 'trace, warn and fatal of a workspace’s agent', 'what the machine of an agent logs'],
    ['create.default_template', 'coder.default_template where none is named', 'an agent for which no template'],
    ['logs.snapshot', 'a paused task gives its snapshot', 'a paused task gives'],
    ['agent.labels', 'labels are among the capabilities', 'a chat that waits for a person'],
    ['chat.archived', 'deleting a workspace archives its chat', 'deleting a workspace archives'],
    ['golden.3', 'the recorded list of two tasks of an older server', 'a task of an older server'],
    ['golden.6', 'an item of a log', 'an item of a log keeps'],
  ]),
];

/** Sections 3.5 to 3.7: creation, queues, calls to providers, events. */
const behaviour = [
  ...rowsOf('src/hub/fleet/fleet.test.ts', ['process'])([
    ['create.existing', 'the prompt is sent to the agent of that name', 'creating where there is such an agent'],
    ['create.once', 'a creation that its hub died of is found under its key', 'a creation that its hub died of'],
    ['input.key', 'a key sends once', 'a key sends once'],
    ['input.hubs', 'two hubs deliver once', 'two hubs deliver queued input once'],
    [
      'input.uncertain',
      'what certainly had no effect waits on, what is not certain fails',
      'input that an agent certainly did not get',
    ],
  ]),
  ...rowsOf('test/providers/coder/failures.test.ts', ['process'])([
    ['create.no_task', 'a workspace that no task appears for is deleted again', 'failure 4: a workspace that no task'],
    ['create.templates', 'of templates with one name the organization decides', 'failure 4: of templates'],
  ]),
  ...rowsOf('test/providers/coder/lost-answers.test.ts', ['process'])([
    ['create.lost', 'a lost answer is resolved by name and prompt', 'failure 7: an agent of that name'],
    ['calls.timeout', 'CODER_TIMEOUT a request', 'failure 7: a server that does not answer in time'],
    ['delete.lost', 'a delete whose answer was lost is checked', 'failure 9: a delete whose answer is lost'],
    ['generation.none', 'none of the three says so', 'failure 8: a server with none'],
    [
      'generation.shared',
      'callers that come at once are answered by one probing',
      'failure 8: callers that come at once',
    ],
  ]),
  ...rowsOf('test/fleet/crashes.test.ts', ['process'])([
    [
      'create.killed',
      'kill -9 between the creation upstream and its record: none doubled, none lost',
      'a hub that is killed before it hears',
    ],
    [
      'create.killed_before',
      'kill -9 before the provider has done anything: made once',
      'a creation that never arrived',
    ],
    [
      'input.killed',
      'queued input survives kill -9; what was being sent is not sent again',
      'input that waits survives',
    ],
  ]),
  ...rowsOf('src/providers/http/upstream.test.ts', ['process'])([
    ['calls.repeated', 'what changes something is repeated on 429 only', 'what changes something is repeated'],
    ['calls.breaker', 'a service that is away is left alone for a while', 'a service that is away'],
    ['calls.redirect', 'the token goes to the origin only', 'a redirect to another origin'],
  ]),
  ...rowsOf('test/providers/shared-budget.test.ts', ['process'])([
    ['calls.budget', 'two hubs on one token stay within its budget together', 'two hubs on one token'],
  ]),
  ...rowsOf('src/hub/fleet/fleet-watch.test.ts', ['process'])([
    [
      'events.base',
      'the first look tells nothing; each change once, also with several hubs',
      'the first look tells nothing',
    ],
    [
      'events.restart',
      'none is repeated after a restart, and what changed meanwhile is told',
      'after a restart nothing',
    ],
    ['events.unread', 'providers are watched only while somebody reads', 'nobody reads, nothing waits'],
    ['events.watch', 'or fleet.watch is on', 'with fleet.watch'],
    ['events.outage', 'a provider that cannot be listed has lost no agents', 'a provider that cannot be listed'],
  ]),
  ...rowsOf('src/hub/fleet/fleet-events.test.ts', ['process'])([
    ['events.kinds', 'each change is one event of its kind', 'each change is told'],
    ['events.capacity', 'capacity_warning at 0.9, again only after falling by 0.1', 'a full fleet is warned of once'],
  ]),
  ...rowsOf('src/hub/leadership.test.ts', ['process'])([
    ['events.leader', 'one hub watches and delivers; another takes over soon after it was lost', 'one hub leads'],
  ]),
  ...rowsOf('test/providers/deviations.test.ts', ['process'])([
    ['status.shown', 'new fields and words are shown', 'new fields and new words of agents of Coder'],
  ]),
  ...rowsOf('src/operations/fleet/failure.test.ts', ['process'])([
    ['error.internal', 'INTERNAL_ERROR says Unexpected error, with a reference', 'what nobody foresaw'],
  ]),
];

/** Section 4: environment and configuration. */
const configuration = [
  ...rowsOf('src/config/coder.test.ts', ['process'])([
    ['environment.both', 'CODER_URL and CODER_SESSION_TOKEN are both needed', 'address and token are both needed'],
    ['environment.url', 'https:// is put in front; a slash is dropped', 'an address without scheme'],
    ['environment.times', 'CODER_TIMEOUT and CODER_MAX_RETRIES; BOXSWAIN_ forms win', 'time and repetitions'],
    ['configuration.token_file', 'coder.token_file', 'a token can lie in a file'],
    ['environment.file', '--env-file and BOXSWAIN_ENV_FILE; none is searched', 'a file of variables is read'],
  ]),
  ...rowsOf('test/fleet/credentials.test.ts', ['process'])([
    ['configuration.set', 'credentials that are set join at the next call', 'credentials that are set while it runs'],
  ]),
];

const golden = [
  ...rowsOf('test/fleet/golden.test.ts', ['http'])([
    ['golden.1', 'the seven are listed', 'golden 1:'],
    ['golden.3.metrics', 'two tasks in the list, by filters, in figures', 'golden 3:'],
    ['golden.4', 'an unknown id, for details, logs and input', 'golden 4:'],
    ['golden.5', 'an unknown workspace without a template', 'golden 5:'],
    ['golden.6.limit', 'limit 10 gives at most 10', 'golden 6'],
    ['golden.8', 'one build request; 204 is sent', 'golden 8'],
    ['golden.9', 'the same seven before each generation', 'golden 9'],
  ]),
  ...rowsOf('test/providers/coder/doctor.test.ts', ['cli'])([
    ['golden.2', 'doctor asks users/me', 'doctor asks Coder'],
    ['golden.2.token', 'a bad token', 'doctor says that a token is not taken'],
  ]),
  ...rowsOf('src/hub/fleet/metrics.test.ts', ['process'])([['golden.7', 'the figures of ten agents', 'golden 7']]),
];

const failures = [
  ...rowsOf('test/providers/coder/failures.test.ts', ['process'])([
    ['failure.01', 'a fleet of active agents is not offline', 'failure 1:'],
    ['failure.02', 'nothing is invented', 'failure 2:'],
    ['failure.03', 'log messages are not empty', 'failure 3:'],
    ['failure.04', 'creation sends what the API document says', 'failure 4:'],
    ['failure.05', 'nothing is sent to an offline agent', 'failure 5:'],
    ['failure.06', 'trouble has its code', 'failure 6:'],
    ['generation.refused', '401 and 403 end probing', 'failure 6: a bad token ends probing'],
    ['failure.12', 'no token follows a redirect', 'failure 12:'],
  ]),
  ...rowsOf('test/providers/coder/lost-answers.test.ts', ['process'])([
    ['failure.07', 'a lost creation is not repeated; a listing is', 'failure 7:'],
    ['failure.08', 'after an upgrade the next call works', 'failure 8:'],
    ['failure.09', 'the listed workspace is the one that is deleted', 'failure 9:'],
  ]),
  ...rowsOf('src/hub/fleet/fleet.test.ts', ['process'])([
    ['failure.10', 'a queued input arrives once; cancelled never', 'failure 10:'],
  ]),
  ...rowsOf('test/fleet/scale.test.ts', ['process'])([['failure.11', '1000 agents; changes; outages', 'failure 11:']]),
  ...rowsOf('test/fleet/secrets.test.ts', ['process'])([
    ['failure.12.everywhere', 'no token in output, log, audit, process list or environment', 'failure 12:'],
  ]),
];

export const verifiedElsewhere: readonly Requirement[] = [
  ...agents,
  ...statuses,
  ...generations,
  ...behaviour,
  ...configuration,
  ...golden,
  ...failures,
];
