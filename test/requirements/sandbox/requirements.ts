import { cli, http, machine, mcp, type Requirement } from '../requirement.ts';

/** Every row of the sandbox contract. */

const tools: Requirement[] = [
  mcp(
    'tool.workspace_create',
    'creates a workspace with name, network, limits, ttl, env, metadata; idempotency_key gives the first answer again',
  ),
  mcp('tool.workspace_list', 'lists own workspaces with state filter, limit, cursor and total'),
  mcp('tool.workspace_get', 'gives a workspace with usage, checkpoints, recent tasks and contexts'),
  mcp('tool.workspace_delete', 'deletes a workspace, with a checkpoint when asked for'),
  mcp('tool.workspace_checkpoint', 'checkpoints files, packages, env and metadata'),
  mcp('tool.workspace_restore', 'restores into a named or a new workspace'),
  mcp('tool.workspace_fork', 'forks into 1 to 10 workspaces with the same files and packages'),
  mcp('tool.fs_read', 'reads slices as utf8 or base64 with size, hash and next_offset'),
  mcp('tool.fs_write', 'writes content, creates directories, answers bytes_written, created and sha256'),
  mcp('tool.fs_edit', 'applies edits in order, all or none, with diff and dry_run'),
  mcp('tool.fs_list', 'lists entries, recursive, by glob, in pages'),
  mcp('tool.run_python', 'runs code or a file, with args, stdin, env and stateful contexts'),
  mcp('tool.run_command', 'runs a shell string or a list of words, with cwd, env and stdin'),
  mcp('tool.pkg_install', 'installs packages and answers names, versions and locations'),
  mcp('tool.test_run', 'runs tests and counts passed, failed, skipped and errors with failures'),
  mcp('tool.lint_check', 'runs the linters that are present and lists diagnostics'),
  mcp('tool.git_clone', 'clones a repository into the workspace'),
  mcp('tool.git_commit', 'commits changes and counts them'),
  mcp('tool.artifact_list', 'lists artifacts, newest of each path'),
  mcp('tool.artifact_get', 'gives an artifact by id or name, in slices'),
  mcp('tool.artifact_upload', 'makes an artifact from a path or from content'),
  mcp('tool.task_get_status', 'gives the status of a task'),
  mcp('tool.task_get_result', 'gives the result of a task, waiting when asked to'),
  mcp('tool.task_cancel', 'cancels a queued or running task'),
  mcp('tool.task_list', 'lists tasks by status, workspace and toolset'),
  mcp('tool.echo', 'answers the message'),
];

const shared: Requirement[] = [
  mcp('shared.names', 'listed names have no dots; dotted names work in tools/call; any other name is -32602'),
  mcp('shared.hints', 'every tool has a title and all four hints of the contract'),
  mcp('shared.strict', 'an unknown argument is VALIDATION_ERROR that lists the valid ones; out of bounds is refused'),
  mcp('shared.missing', 'a missing argument says: required argument "x" not found'),
  mcp('shared.success', 'structuredContent fits the output schema and the text is as stated'),
  mcp(
    'shared.failure',
    'a failure is isError with code, message and hint as text and the object in _meta, without structuredContent',
  ),
  http(
    'shared.failure_http',
    'over HTTP a failure is {error, code, hint, retryable, details} with the status of the table',
  ),
  cli('shared.failure_cli', 'on the CLI a failure is error and hint on stderr with the exit code of the table'),
  mcp('shared.no_internals', 'no message holds a stack trace, host path, secret or data of another caller'),
  mcp('shared.foreign_handles', 'an unknown handle of each kind gives its NOT_FOUND code'),
  mcp('shared.idempotency', 'the same key and arguments give the first answer; other arguments IDEMPOTENCY_CONFLICT'),
  mcp('shared.progress', 'a client that sent a progress token gets rising progress while a call waits'),
  mcp('shared.always_listed', 'echo and the task tools are listed with every toolset'),
  mcp('shared.selection', 'toolsets, core and read-only select what is listed and callable'),
];

const workspaces: Requirement[] = [
  mcp('workspace.default', 'a connection uses its own default workspace; two connections do not share one'),
  mcp('workspace.default_ends', 'the default workspace ends with its connection'),
  http(
    'workspace.fresh',
    'without a connection the creating tools make a fresh workspace and the others answer WORKSPACE_REQUIRED',
  ),
  mcp('workspace.empty', 'a fresh workspace holds one empty directory, artifacts'),
  machine('workspace.idle_stop', 'an idle box stops; files and packages stay, contexts end'),
  mcp('workspace.died', 'a call in flight when its box dies fails with SANDBOX_DIED; the next starts a new generation'),
  mcp(
    'workspace.context_lost',
    'the first call in a context of an older generation is CONTEXT_LOST, the next creates it anew',
  ),
  machine('workspace.ttl', 'a workspace without a call for its ttl is deleted'),
  mcp(
    'workspace.delete_any_state',
    'delete is legal while running; tasks are cancelled and later use is WORKSPACE_NOT_FOUND',
  ),
  mcp(
    'workspace.checkpoint_content',
    'a restored workspace has files, modes, symlinks, packages, env and metadata; no processes',
  ),
  mcp('workspace.checkpoint_keep', 'the newest 10 checkpoints are kept and outlive the workspace'),
  mcp('workspace.restore_in_place', 'restoring into a workspace replaces its files and raises its generation'),
  mcp('workspace.limits', 'limits are reported with enforcement; unenforceable ones are refused unless allow_soft'),
  mcp('workspace.timeout_bound', 'timeout_seconds above wall_seconds is VALIDATION_ERROR'),
  mcp('workspace.nproc', 'nproc in the box does not exceed cpus rounded up'),
  mcp('network.off', 'with network off no name resolves and no socket leaves'),
  mcp('network.allow', 'allow takes exact hosts and *.suffix with ports; addresses and bare wildcards are refused'),
  mcp('network.denied', 'a refused host is in network_denied with a reason'),
  mcp(
    'workspace.environment',
    'code sees PATH, HOME, LANG, TMPDIR, the env of workspace and call, and nothing of the server',
  ),
];

const order: Requirement[] = [
  mcp('order.sequence', 'operations on one workspace start in the order of acceptance; runs go one at a time'),
  mcp('order.writes', 'writes wait for everything accepted earlier to have started; reads never wait'),
  mcp('order.pending', 'a run not finished after wait_seconds answers its handle, and the text is one line of JSON'),
  mcp('order.wait_zero', 'wait_seconds 0 always answers a handle'),
  mcp('order.result', 'task_get_result gives done false, the result with its text, or the original error'),
  machine('order.restart', 'status and result survive a restart'),
  mcp('order.close_cancels', 'closing the request cancels the run unless it became a task'),
  mcp(
    'order.cancel',
    'cancel of queued never starts it, of running kills its tree, of ended says false with the final status',
  ),
  machine(
    'order.interrupted',
    'a task that was started and whose end was not recorded is interrupted; a queued one is placed again',
  ),
  machine('order.queue_caps', '100 unfinished tasks per workspace, then QUEUE_FULL; finished ones do not count'),
  http('order.tasks_extension', 'a client that declares the Tasks extension gets a task result with the same id'),
];

const files: Requirement[] = [
  mcp('files.paths', '/workspace/ is accepted, inner .. and names such as ..foo are legal, escapes are PATH_INVALID'),
  mcp('files.symlinks', 'a symlink that leads out is PATH_INVALID and yields no host bytes'),
  mcp('files.utf8', 'slices never split a character and continue exactly; other bytes are NOT_TEXT'),
  mcp('files.contents', 'contents is accepted for content; both and different is VALIDATION_ERROR'),
  mcp('files.if_sha256', 'a hash that does not match is FILE_CHANGED'),
  mcp('files.edit_errors', 'EDIT_NO_MATCH and EDIT_AMBIGUOUS name edit and count and change nothing'),
  mcp('files.list_rules', 'bytewise order; links to directories are not entered; FIFOs are other'),
  mcp(
    'files.texts',
    'fs_read gives the content, fs_write "Wrote n bytes to path", fs_list lines; truncated says how to go on',
  ),
  machine('files.large', 'a 1 GB file is read in slices with bounded memory; base64 round trips bit for bit'),
];

const runs: Requirement[] = [
  mcp('runs.text', 'text is Exit Code, Stdout, Stderr and notes; streams are never merged'),
  mcp(
    'runs.exit_codes',
    'non-zero exit is a normal result; a signal is 128+n; a time-out kills the group and the box lives',
  ),
  mcp('runs.truncation', 'a stream shows 65,536 bytes, head and tail, and the whole in output_artifacts'),
  mcp('runs.output_limit', 'more than output_mb stops the run with limit_hit output'),
  mcp('runs.background', 'background children do not hold the result and live until the box stops'),
  mcp('runs.shell', 'a string runs in bash, a list without a shell'),
  mcp('runs.python_rules', 'cwd and sys.path, args, context rules, code or file'),
  mcp(
    'runs.packages_rules',
    'options, files, URLs and paths are refused; index_url outside the list is INDEX_NOT_ALLOWED; text lists installed',
  ),
  mcp('runs.packages_private', 'packages are private to the workspace; installing again succeeds'),
  mcp('runs.git_rules', 'https and listed hosts only, no credentials; hooks, filters and submodules do not run'),
  mcp('runs.test_pick', 'the framework is picked in order; none is NO_TESTS_FOUND'),
  mcp('runs.lint_none', 'no linter is TOOL_NOT_INSTALLED; diagnostics are no failure'),
  mcp('runs.artifacts', 'files under artifacts/ are registered after each write or run; get by name gives the newest'),
];

const errors: Requirement[] = [
  mcp('error.VALIDATION_ERROR', 'names the field; run_python with both or none says so'),
  http('error.WORKSPACE_REQUIRED', 'workspace_id is required for <tool>'),
  mcp('error.PATH_INVALID', 'the three messages of the contract'),
  http('error.UNAUTHORIZED', 'no valid credentials where they are needed'),
  machine('error.INSUFFICIENT_SCOPE', 'names the scope'),
  mcp(
    'error.POLICY_DENIED',
    'IMAGE_NOT_ALLOWED, HOST_NOT_ALLOWED, INDEX_NOT_ALLOWED name the value and the allowed ones',
  ),
  mcp('error.NOT_FOUND', 'WORKSPACE_, TASK_, FILE_, ARTIFACT_, CHECKPOINT_NOT_FOUND'),
  mcp('error.WRONG_FILE_TYPE', 'WRONG_FILE_TYPE, NOT_TEXT, FILE_TOO_LARGE name path and size'),
  mcp('error.EDIT', 'EDIT_NO_MATCH, EDIT_AMBIGUOUS, FILE_CHANGED'),
  mcp('error.CONFLICT', 'IDEMPOTENCY_CONFLICT, NOTHING_TO_COMMIT, CONTEXT_LOST, TASK_CANCELLED, TASK_INTERRUPTED'),
  machine('error.LIMIT_UNENFORCEABLE', 'names limit and engine'),
  mcp('error.TOOLS', 'TOOL_NOT_INSTALLED, NO_TESTS_FOUND, PACKAGE_INSTALL_FAILED, GIT_FAILED with details'),
  mcp('error.DISK_FULL', 'a write beyond disk_mb names the limit'),
  machine('error.CAPS', 'QUEUE_FULL and CAPACITY_EXCEEDED are retryable and name the cap'),
  machine('error.NO_WORKER_AVAILABLE', 'no workers available to handle request'),
  mcp('error.SANDBOX_DIED', 'names the reason'),
  machine('error.INTERNAL_ERROR', 'gives only a reference id'),
];

const surfaces: Requirement[] = [
  http('http.operations', 'POST /api/operations/{tool}: 200 with the output, 202 while pending'),
  http('http.workspaces', 'the workspace routes, metadata merge and replace'),
  http('http.events', 'events of workspaces and tasks as SSE, resumed with Last-Event-ID'),
  http('http.tasks', 'the task routes'),
  http('http.artifacts', 'artifact content with range requests'),
  http('http.upload', 'POST /api/artifacts, then PUT upload_url; a digest or size that differs is refused'),
  http('http.workers', 'list and drain workers'),
  http('http.gone', '/mcp/sse and /mcp/message answer 410 naming /mcp'),
  http('http.health', '/healthz, /readyz and /metrics'),
  cli('cli.verbs', 'every verb of the sandbox and task commands works'),
  cli('cli.exit', 'python and run exit with the program’s code'),
  cli('cli.workspace', '--workspace and BOXSWAIN_WORKSPACE'),
  cli('cli.environment', 'earlier variable names are accepted; those without a meaning warn'),
  cli('cli.http_flag', '--http is serve on HTTP_PORT, 8080'),
];

const features: Requirement[] = [
  http('feature.workers', 'labels, tools, languages and slots are in GET /api/workers'),
  mcp('feature.metadata', 'metadata is given at creation and shown'),
  mcp('feature.task_events', 'progress notifications and the task stream tell start and end'),
  machine('feature.secrets', 'an env value secret:<name> is taken from the operator and redacted'),
  mcp('feature.unchanged_not_stored', 'a checkpoint of unchanged content stores nothing again'),
  machine('feature.audit', 'one audit record per call with outcome and duration, in a chain that verifies'),
];

const golden: Requirement[] = [
  mcp('golden.aliases', 'each tool of the earlier documents answers under its dotted alias'),
  mcp('golden.P1', 'initialize answers (over HTTP with mcp-session-id)'),
  mcp('golden.P2', 'the 15 tools are listed under underscore names'),
  mcp('golden.P3', 'echo answers; fs.list succeeds'),
  mcp('golden.P4', 'fs.write text'),
  mcp('golden.P5', 'run.python of the file prints the greeting and 2 + 2 = 4'),
  mcp('golden.P6', 'fs.read equals what was written'),
  mcp('golden.P7', 'fs.list names hello.py'),
  mcp('golden.P8', 'pkg.install has requests with a version'),
  mcp('golden.P9', 'run.python imports it and prints that version'),
  mcp('golden.P10', 'echo text equals the message'),
  mcp('golden.P11', 'run.python zips the file to artifacts/'),
  mcp('golden.P12', 'artifact.get gives the zip, bytes equal'),
  mcp('golden.polling', 'the same phases with wait_seconds 0 and polling task.get_result'),
  mcp('golden.M4', 'each workspace has its own Python environment'),
  mcp('golden.M5', 'requests in A and flask in B: each imports its own and not the other’s'),
  mcp('golden.M6', 'a file of A is FILE_NOT_FOUND in B'),
];

const failures: Requirement[] = [
  mcp('failure.01', 'every call reaches the workspace of its own connection'),
  mcp('failure.02', 'clients that follow the schema of fs_write and clients that send contents both succeed'),
  machine('failure.03', 'a task that is to be retried is retried or ends'),
  mcp('failure.04', 'a failed task gives the original error; an unknown id is TASK_NOT_FOUND'),
  mcp('failure.05', 'a file under artifacts/ is fetched by name and by id, names with dashes included'),
  mcp('failure.06', 'checkpoint, restore, cancel, metadata and upload work from outside'),
  mcp('failure.07', 'progress and completion reach a client without polling'),
  mcp('failure.08', 'ten calls sent at once take effect in order, none dropped'),
  machine('failure.09', '200 clients one after another on 5 slots all get a workspace; none is held afterwards'),
  machine('failure.10', '6 workspaces at once on 5 slots: 5 succeed, one is CAPACITY_EXCEEDED'),
  machine('failure.11', 'after kill -9 workspaces answer again or say SANDBOX_DIED'),
  mcp('failure.12', 'stdout and stderr are separate; code with file, .. and symlinked files are refused'),
  mcp(
    'failure.13',
    'endless program, output flood, huge allocation, fork bomb and full disk end with the right limit_hit',
  ),
  mcp('failure.14', 'nothing of the server’s environment or descriptors is readable in the box'),
  machine('failure.15', 'symlink races yield no host bytes; no setuid file or git config takes effect on the host'),
  machine('failure.16', 'a 1 GB file in slices with bounded memory; binary survives base64'),
  mcp('failure.17', 'pkg_install with options, files or URLs is refused; versions are not empty'),
  http('failure.18', 'a request from another Origin is refused'),
  machine('failure.19', '20,000 tasks one after another run; tasks and order survive a restart'),
];

export const requirements: readonly Requirement[] = [
  ...tools,
  ...shared,
  ...workspaces,
  ...order,
  ...files,
  ...runs,
  ...errors,
  ...surfaces,
  ...features,
  ...golden,
  ...failures,
];
