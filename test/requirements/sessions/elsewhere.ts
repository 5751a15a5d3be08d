import { type Requirement, rowsOf } from '../requirement.ts';

/** Rows that tests with servers, agents or terminals of their own verify, by the test's name. */

const golden = rowsOf('test/sessions/golden.test.ts', ['http'])([
  ['golden.1', 'a client entry of type http connects, and all names are listed', 'case 1:'],
  ['golden.3', 'tools/list without an earlier initialize is answered', 'case 3:'],
  ['golden.6', 'create by slug and cwd, prompt, poll until idle, read', 'case 6:'],
  ['golden.7', 'two sessions of one slug are watched together and counted', 'case 7:'],
  ['golden.8', 'send_and_wait ends with the answer; markers are kept', 'case 8:'],
  ['golden.9', 'a stale mcp-session-id is 404, and a new initialize works', 'case 9:'],
]);

const tokens = rowsOf('test/auth/golden.test.ts', ['http'])([
  ['golden.2', 'metadata at the root and at the path, and a 401 that leads there', 'case 2:'],
  ['golden.3.token', 'tools/list with a token and no initialize, without an Accept for event streams', 'case 3:'],
  ['golden.4', 'tokens of a registered server work, those for another resource_url do not', 'case 4:'],
  [
    'failure.06',
    'a revoked or expired token stops working; of another audience or without scope it never does',
    'failure 6:',
  ],
  [
    'tools.scopes',
    'each tool asks for the scope of the contract, and mcp:tools grants all',
    'each tool of sessions asks',
  ],
]);

const failures = [
  ...rowsOf('test/sessions/failures.test.ts', ['process'])([
    ['failure.07', 'tools work on any port and host', 'failure 7:'],
    ['failure.08', 'a session created a moment ago is found by search', 'failure 8:'],
    ['failure.10', 'what cannot be is refused before anything starts', 'failure 10:'],
    ['failure.11', 'abort and dispose of an unknown id are SESSION_NOT_FOUND', 'failure 11:'],
    ['failure.14', 'two paths of one slug are two projects', 'failure 14:'],
    ['failure.15', 'task.started has type and description; an upload arrives bit for bit', 'failure 15:'],
    ['failure.16', 'get_health and get_health_details have their fields', 'failure 16:'],
  ]),
  ...rowsOf('test/sessions/every-agent.test.ts', ['process'])([
    ['failure.02', 'after abort, kill -9 and dispose the next prompt has an end', 'failure 2:'],
    ['failure.12', 'a tool that needs leave asks, waits and follows the answer, for every kind', 'failure 12:'],
    ['failure.18.agents', 'sessions of every kind leave no process', 'failure 18:'],
  ]),
  ...rowsOf('test/sessions/event-failures.test.ts', ['process'])([
    ['failure.03', 'two clients that poll at once both get every event', 'failure 3:'],
    ['failure.04', 'send_and_wait ends with its own turn and keeps to the clamp', 'failure 4:'],
    ['failure.13', 'after a minute of silence nothing is doubled; abort keeps the process', 'failure 13:'],
    ['events.memory', 'without after a connection goes on where its last poll ended', 'polls without a cursor go on'],
    [
      'events.start',
      'requests without a memory start at the latest turn, or the newest 50',
      'a request without a memory',
    ],
  ]),
  ...rowsOf('test/agents/terminals.test.ts', ['process'])([
    ['failure.17', 'a prompt to a session open in a terminal never makes a second branch silently', 'failure 17:'],
    ['terminal.mirror', 'what is said in a terminal is polled once and read', 'a session open in a terminal is seen'],
    ['terminal.fork', 'when_open fork: a copy takes the prompt', 'with when_open fork'],
    ['terminal.wait', 'when_open wait: held until the terminal is closed', 'with when_open wait'],
    ['terminal.starting', 'one that a terminal is just opening is open already', 'a session that a terminal is just'],
    [
      'terminal.presence',
      'a session opened in a terminal later is mirror',
      'a session begun here and opened in a terminal later',
    ],
  ]),
  ...rowsOf('test/http/server.test.ts', ['http'])([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the test's name has it.
    ['failure.05', 'a foreign Host or Origin, or forwarding, is refused', '${path} is refused under a foreign Host'],
  ]),
  ...rowsOf('test/sessions/strangers.test.ts', ['http'])([
    ['failure.05.forwarding', 'a foreign Origin is 403, any forwarding header 401', 'failure 5: a foreign Origin'],
    ['failure.05.peer', 'Host localhost from another machine is refused', 'failure 5: Host localhost'],
    ['failure.05.listeners', 'no listener is beyond loopback by default', 'failure 5: no listener'],
  ]),
  ...rowsOf('test/sessions/full-disk.test.ts', ['process'])([
    ['prompt.full_disk', 'a full disk loses nothing, and says so', 'a full disk loses nothing of sessions'],
  ]),
  ...rowsOf('test/sessions/crashes.test.ts', ['process'])([
    ['failure.18', '20 sessions created and disposed leave no process, nor does a killed server', 'failure 18:'],
  ]),
];

const terminals = [
  ...rowsOf('test/agents/terminal-hooks.test.ts', ['process'])([
    [
      'hooks.remote',
      'a dialog of a terminal is answered from elsewhere',
      'a permission dialog is answered from elsewhere',
    ],
    ['hooks.input', 'a denial tells why; another input is what the tool gets', 'a denial from elsewhere'],
    ['hooks.local', 'a local answer makes it resolved_locally', 'a dialog that is answered in the terminal first'],
    [
      'hooks.stop',
      'when_open queue: given at the end of the turn by the Stop hook',
      'a prompt that is queued by choice',
    ],
    ['hooks.down', 'with the server down the terminal works as before', 'with the server down'],
    ['hooks.removed', 'hooks remove undoes what install did', 'the hooks are removed'],
    ['hooks.channel', 'channel.present of a session whose hooks reach the server', 'its session shows that its hooks'],
    ['hooks.killed', 'a killed server leaves the dialog to the terminal', 'a server that is killed while it holds'],
  ]),
  ...rowsOf('test/sessions/hooks.test.ts', ['http'])([
    ['hooks.hold', 'the reply is held until answered, in the form of the contract', 'a request for leave is held'],
    ['hooks.token', 'a wrong token is 401', 'a hook without the token'],
    ['hooks.origin', 'Host and Origin are checked', 'a hook of a page'],
    ['hooks.size', 'at most 1 MiB', 'a hook of more than 1 MiB'],
    ['hooks.revoked', 'a revoked token is void', 'a token that was revoked'],
  ]),
  ...rowsOf('src/hub/sessions/terminals/terminal-requests.test.ts', ['process'])([
    ['hooks.caller', 'a hook token belongs to one caller, who alone sees its requests', 'is nobody else’s'],
    ['hooks.expired', 'what nobody answers is left to the terminal after hold_seconds', 'that nobody answers is left'],
  ]),
];

const others = [
  ...rowsOf('test/sessions/routes.test.ts', ['http'])([
    ['http.lists', 'projects and sessions are bare arrays; created by slug is 201', 'lists are bare arrays'],
    ['http.prompt', 'prompt 202, abort 204, fork 201, PATCH 200, DELETE 204', 'a prompt is 202'],
    ['http.permission', 'permission 202', 'a request for leave is answered with 202'],
    ['http.upload', 'upload takes 20 MiB of one file', 'what is no file'],
    ['http.others', 'search, state, stats, health, mcp servers and metrics', 'state, search, figures'],
    ['http.restart', 'POST /api/server/restart', 'a restart ends what runs'],
  ]),
  ...rowsOf('test/sessions/readers.test.ts', ['http'])([
    [
      'events.readers',
      'pollers and streams each see every event once, over a killed hub',
      'two that poll and two that stream',
    ],
  ]),
  ...rowsOf('test/sessions/states.test.ts', ['process'])([
    ['states.cap', 'the live cap parks the one idle longest', 'the cap on live sessions parks'],
    ['states.full', 'with none idle: CAPACITY_EXCEEDED', 'with all live sessions busy'],
    ['states.parked', 'parked after a while without use, resumes with the next prompt', 'an idle session is parked'],
  ]),
  ...rowsOf('test/sessions/boxed.test.ts', ['process'])([
    ['workspace.files', 'in a workspace the agent works on its files and nowhere else', 'the agent works on the files'],
    ['workspace.ends', 'it ends with its workspace', 'the agent ends with its workspace'],
    ['workspace.leave', 'leave is asked for inside a workspace', 'leave is asked for inside'],
    [
      'workspace.fork',
      'a session in a workspace forks there, up to a message too',
      'a session inside a workspace forks',
    ],
    [
      'workspace.secrets',
      'what its agent says is told without the secrets of the workspace',
      'what an agent says is told',
    ],
    [
      'workspace.refused',
      'an agent missing there is AGENT_UNAVAILABLE',
      'what a session inside a workspace cannot have',
    ],
  ]),
];

export const verifiedElsewhere: readonly Requirement[] = [...golden, ...tokens, ...failures, ...terminals, ...others];
