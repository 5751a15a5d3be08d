import { cli, http, machine, mcp, type Requirement } from '../requirement.ts';
import { verifiedElsewhere } from './elsewhere.ts';

/** Every row of the codegen contract. `mcp` stands for stdio and HTTP in both protocol eras, operations over HTTP, and commands. */

const tools: Requirement[] = [
  mcp('tools.listed', 'the six tools are listed under their names'),
  mcp(
    'tools.hints',
    'each has a title, a description, the hints of the contract, and an output of which only status is certain',
  ),
  mcp('tools.aliases', 'each is called by the name of its command and by the earlier names'),
  mcp('arguments.listed', 'each lists its arguments, what it requires, and defaults'),
  mcp('arguments.bounds', 'each argument is refused out of its bounds, of another kind or another word'),
  mcp('arguments.strict', 'an unknown argument is refused, naming the valid ones; a missing one is named'),
  mcp('arguments.digits', 'the number of a run is taken as digits too'),
  mcp('tool.new', 'starts a run with all that is given, and answers task, run, state, address and metadata'),
  mcp('tool.resume', 'resumes a COMPLETE run and no other; its metadata stay with the task'),
  mcp(
    'tool.task_status',
    'gives a task by its id or that of its run, active until the run has ended; exactly one is asked for',
  ),
  mcp('tool.list', 'without filters gives one page, with totals as upstream has them'),
  mcp('tool.logs', 'gives entries as they are, in pages, newest first when asked for'),
  mcp('tool.config', 'gets and sets values; tokens are shown by their beginning; what cannot be is refused'),
];

const behaviour: Requirement[] = [
  mcp('new.prompt', 'the prompt has a line for each of repo, branch, pr and task that was given'),
  mcp(
    'new.repo',
    'a repository is found in any case; one that is missing is REPO_NOT_FOUND with up to five near names',
  ),
  mcp('new.repo_unknown', 'when the lookup is not available the run starts with a warning'),
  mcp('new.idempotency', 'a key gives the first answer again, and one run'),
  mcp('new.orchestrator', 'an orchestrator as an argument or in metadata, as number or digits; two are refused'),
  mcp('task_status.foreign', 'a run that was not started here is told of, with times of ISO 8601'),
  mcp('task_status.wait', 'wait_seconds returns at the first change of state, else at the end'),
  mcp('list.empty', 'an empty list has one page'),
  mcp('list.upstream', 'source_type and user_id go upstream; what cannot be read is an error'),
  mcp('list.filters', 'pages are read until enough match; repo matches pull requests too, in any case'),
  mcp('list.most', 'at most 1,000 runs are read, and complete says so'),
  mcp('state.words', 'each upstream word has its state, and is found by the words that mean it; null metadata are {}'),
  mcp('state.only', 'a word of a filter finds what it means and nothing else'),
  mcp('config.stored', 'set writes the file, mode 0600, and says what wins over it'),
  mcp('config.base_url', 'base_url is POLICY_DENIED'),
  mcp('config.at_once', 'what is configured is used by the next call'),
];

const errors: Requirement[] = [
  mcp('error.VALIDATION_ERROR', 'upstream 422: Invalid request, with loc and msg'),
  mcp('error.AUTHENTICATION_FAILED', 'upstream 401 and 403, with the message of upstream'),
  mcp('error.PLAN_LIMIT_REACHED', 'upstream 402, in its words'),
  mcp('error.RATE_LIMITED', 'a Retry-After that is too long is told at once'),
  mcp('error.CODEGEN_API_ERROR', 'another status or an unreadable body, with status_code'),
  mcp('error.NOT_CONFIGURED', 'no token: which variable and command set it'),
  mcp('error.hints', 'each failure says what to do'),
  cli('error.cli', 'each failure has its exit code, message and hint on the command line'),
];

const surfaces: Requirement[] = [
  http(
    'command.form',
    'a JSON object with command and without jsonrpc is a command; no Accept and no session is needed',
  ),
  http('command.refused', 'unknown commands, args that are none, other types of content and no JSON'),
  http('command.origins', 'Origin is checked as for MCP; CORS headers for configured origins only'),
  http('sse.refused', '400 without or with a malformed id, 404 unknown, all as JSON'),
  http('sse.stream', 'present state, each change, one end; any number of readers; 204 after the end'),
  cli('cli.documented', 'every line of the document works; a child in metadata is delivered'),
  cli('cli.new', 'new with all its flags, --wait and --json'),
  cli('cli.resume', 'resume with its flags in both spellings'),
  cli('cli.list', 'list with its flags prints a block for each run'),
  cli('cli.logs', 'logs with its flags, --follow and --reverse; status'),
  cli('cli.config', 'config get and set, from standard input too; variables by both names'),
  machine('config.precedence', 'environment, own file, ~/.codegen/config.json, default'),
  cli('config.flags', '--api-token-file, --org-id and --base-url win; an address may end in /v1'),
];

const documents: Requirement[] = [
  http('example.new', 'the examples of new and task_status, to the letter'),
  http('example.resume', 'the example of resume, to the letter'),
  http('example.list', 'the example of list, to the letter'),
  http('example.logs', 'the example of logs, to the letter'),
];

export const requirements: readonly Requirement[] = [
  ...tools,
  ...behaviour,
  ...errors,
  ...surfaces,
  ...documents,
  ...verifiedElsewhere,
];
