import { type Requirement, rowsOf } from '../requirement.ts';

/** Rows that tests with servers of their own verify, by the test's name. */

export const verifiedElsewhere: readonly Requirement[] = [
  ...rowsOf('test/codegen/golden.test.ts', ['process'])([
    ['golden.1', 'new', 'golden case 1:'],
    ['golden.2', 'resume, of a complete and of an active run', 'golden case 2:'],
    ['golden.4', 'list and logs', 'golden cases 4 and 5:'],
    ['golden.6', 'config set and get', 'golden cases 6 and 7'],
    [
      'failure.11',
      'a value that is set is kept, private, and used by the next call',
      'golden cases 6 and 7, failure 11:',
    ],
    ['shapes.same', 'the same object by every name on every wire', 'the same arguments give the same object'],
  ]),
  ...rowsOf('test/codegen/failures.test.ts', ['process'])([
    ['failure.01', 'the server serves until it is stopped; /sse is there; a port in use: exit 7', 'failure 1:'],
    ['failure.02', 'each thing that is wrong has its own status', 'failure 2:'],
    ['failure.03', 'tools/list on the same endpoint', 'failure 3:'],
    ['failure.04', 'logs from either path; task_status after a restart', 'failure 4:'],
    ['failure.05', 'resume posts to the right path; a refusal is an error', 'failure 5:'],
    ['failure.06', 'running finds ACTIVE; page 3; totals', 'failure 6:'],
    ['failure.07', 'metadata arrives upstream; task_id in every answer', 'failure 7:'],
    ['failure.08', 'a hanging upstream stops no other call', 'failure 8:'],
    ['error.NETWORK_ERROR', 'nobody answers: Network error with reason and attempts', 'failure 8: nobody answers'],
    ['failure.09', '429 is not repeated earlier; the budget is kept', 'failure 9:'],
    ['failure.10', 'no answer holds a trace or the token', 'failure 10: no answer'],
    ['failure.10.logs', 'nor do logs and the list of processes', 'failure 10: the token'],
    ['failure.13', 'no made-up result', 'failure 13:'],
  ]),
  ...rowsOf('src/providers/codegen/limits.test.ts', ['process'])([
    ['budget.timeout', 'NETWORK_ERROR within the time-out', 'failure 8: a hanging upstream'],
    ['budget.reads', '60 requests in 30 s', 'failure 9: 70 reads'],
    ['budget.creations', 'the 11th creation in a minute is RATE_LIMITED', 'failure 9: the 11th creation in a minute'],
    ['budget.waits', 'or waits', 'failure 9: the 11th creation waits'],
    ['budget.retry_after', 'Retry-After in seconds or as a date', 'failure 9: 429 with Retry-After'],
    ['budget.documented', '60 in 30 s, 10 creations a minute, 60 logs in 60 s', 'the documented limits'],
    ['budget.shared', 'per token and base URL', 'clients with one token share'],
  ]),
  ...rowsOf('src/providers/codegen/codegen-client.test.ts', ['process'])([
    ['upstream.retries', 'GET is repeated on 503 and broken connections', 'a listing that fails twice'],
    ['upstream.posts', 'POST is not', 'a creation whose answer is lost'],
    ['upstream.nobody', 'unless it was certainly not received', 'nobody there is NETWORK_ERROR'],
    ['upstream.logs', 'the alpha path first, then the other', 'logs come from the alpha path'],
    ['upstream.fields', 'missing fields are reported, new ones tolerated', 'a field that is missing'],
  ]),
  ...rowsOf('test/providers/deviations.test.ts', ['process'])([
    ['upstream.shown', 'new fields and words are shown', 'new fields and new words of runs of Codegen'],
  ]),
  ...rowsOf('src/hub/codegen/pace.test.ts', ['process'])([
    ['watch.share', 'watching leaves half of the budget to callers', 'in no stretch of time more is taken'],
  ]),
  ...rowsOf('src/hub/codegen/looks.test.ts', ['process'])([
    ['watch.list', 'watching many uses the list', 'a hundred runs that go on cost one request'],
  ]),
  ...rowsOf('test/codegen/creation.test.ts', ['process'])([
    ['creation.found', 'a lost answer is found by its task', 'a creation whose answer is lost'],
    ['creation.interrupted', 'or is NETWORK_ERROR with task_id, and interrupted', 'a creation that is nowhere'],
    ['creation.resumed', 'a resume whose answer is lost', 'a resume whose answer is lost'],
    ['creation.stale', 'a former end is not taken for the new one', 'what upstream still tells'],
    ['creation.killed', 'kill -9 between creation and record', 'a hub that is killed between the creation'],
    [
      'creation.killed.resume',
      'kill -9 between resume and record, and without a key',
      'a hub that is killed between a start',
    ],
    ['task.cancel', 'task_cancel stops the run; task routes serve these tasks', 'the task tools and routes'],
    ['new.prompt_context', 'codegen.prompt_context: false', 'without prompt_context'],
    ['task.newer', 'a resume makes a new task; the older keeps its result', 'a resumed run has a new task'],
  ]),
  ...rowsOf('test/codegen/orchestrator.test.ts', ['process'])([
    ['failure.12', 'once to a finished orchestrator, once later to an active one, across a restart', 'failure 12:'],
    ['orchestrator.together', 'several results in one resume, in order', 'fifty children'],
    ['orchestrator.error', 'a child that failed tells its error', 'a child that failed'],
    ['orchestrator.unknown', 'an outcome that is not known is unknown and final', 'a delivery whose answer is lost'],
    ['orchestrator.gone', 'an ended or unknown orchestrator: undeliverable', 'results for an orchestrator that'],
  ]),
  ...rowsOf('test/codegen/orchestrator-crashes.test.ts', ['process'])([
    ['orchestrator.killed', '50 children each, kill -9 in the middle', 'fifty children of an orchestrator end'],
    ['orchestrator.killed.sending', 'kill -9 while the resume is sent', 'a server that is killed while it resumes'],
  ]),
  ...rowsOf('test/codegen/sse.test.ts', ['process'])([
    ['sse.replay', 'Last-Event-ID; 204 after the end', 'a reader that comes back'],
    ['sse.present', 'the present state first', 'a reader that comes later'],
    ['sse.cors', 'preflight for configured origins only', 'pages of configured origins'],
  ]),
  ...rowsOf('src/http/event-stream.test.ts', ['process'])([
    ['sse.comments', 'a comment every 15 s', 'on which nothing happens'],
  ]),
  ...rowsOf('src/config/codegen.test.ts', ['process'])([
    ['config.listed', 'listed when a token is configured or the toolset is named', 'the tools are listed with a token'],
    ['config.defaults', 'a change is seen within 10 s: poll_seconds 5; base_url', 'runs are looked at every five'],
    ['config.token_file', 'codegen.api_token_file, mode 0600', 'a token comes from its file'],
  ]),
  ...rowsOf('src/config/load.test.ts', ['process'])([
    ['config.nearest', 'the flag with a file wins over a variable', 'a token of Codegen given nearer'],
  ]),
  ...rowsOf('test/codegen/scripts.test.ts', ['process'])([
    ['script.polling', 'the polling script, in Node and in a browser', 'polling, in Node'],
    ['script.events', 'the EventSource script, in Node and in a browser', 'EventSource, in Node'],
    ['script.foreign', 'a page of another origin', 'a page of another origin'],
  ]),
  ...rowsOf('test/codegen/configuration.test.ts', ['process'])([
    ['client.entries', 'entries of Cursor, Claude Code and others list the six tools', 'a client entry'],
    ['config.lines', 'the documented config lines', 'the documented config lines'],
  ]),
  ...rowsOf('src/mcp/commands.test.ts', ['process'])([
    ['error.INTERNAL_ERROR', 'Unexpected error with a reference, no trace', 'what nobody foresaw'],
    [
      'error.scopes',
      'INSUFFICIENT_SCOPE without the scope of the tool; set needs admin',
      'each tool asks for its scope',
    ],
  ]),
  ...rowsOf('src/cli/service/service-command.test.ts', ['process'])([
    ['service.install', 'unit of systemd, entry of the desktop, neither with a token', 'a unit of the user'],
  ]),
];
