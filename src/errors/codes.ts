/**
 * The one table of error codes. MCP results, HTTP statuses, CLI exit codes and `docs/errors.md` are read from it.
 * `hint` is the default next step; the place that raises an error gives a more specific one where it can.
 */
export interface ErrorCodeRow {
  readonly http: number;
  readonly exit: number;
  readonly retryable: boolean;
  readonly when: string;
  readonly hint: string;
}

const row = (http: number, exit: number, when: string, hint: string, retryable = false): ErrorCodeRow => ({
  http,
  exit,
  retryable,
  when,
  hint,
});

export const errorCodes = {
  VALIDATION_ERROR: row(400, 2, 'an argument is bad, missing or unknown', 'correct the arguments and call again'),
  WORKSPACE_REQUIRED: row(
    400,
    2,
    'the call needs an existing workspace and names none',
    'pass the workspace_id that an earlier call returned, or call workspace_create first',
  ),
  PATH_INVALID: row(
    400,
    2,
    'a path is absolute, leaves the workspace, or cannot be a path',
    'use a path relative to the workspace root',
  ),
  UNKNOWN_COMMAND: row(400, 2, 'no command has this name', 'use one of the commands in details'),
  UNAUTHORIZED: row(401, 4, 'no valid credentials', 'send a valid bearer token'),
  INSUFFICIENT_SCOPE: row(403, 4, 'the credentials lack a scope', 'ask for credentials with the named scope'),
  POLICY_DENIED: row(403, 4, 'outside what the operator allows', 'use one of the allowed values'),
  INDEX_NOT_ALLOWED: row(403, 4, 'a package index is not on the list', 'use one of the allowed indexes'),
  IMAGE_NOT_ALLOWED: row(403, 4, 'an image is not on the list', 'leave image out, or use an allowed one'),
  HOST_NOT_ALLOWED: row(403, 4, 'a host is not on the list', 'use one of the allowed hosts'),
  WORKSPACE_NOT_FOUND: row(404, 3, 'unknown, deleted or foreign workspace', 'call workspace_list to see yours'),
  TASK_NOT_FOUND: row(404, 3, 'unknown or foreign task', 'call task_list to see yours'),
  FILE_NOT_FOUND: row(404, 3, 'no such file', 'call fs_list to see what is there'),
  ARTIFACT_NOT_FOUND: row(404, 3, 'unknown or foreign artifact', 'call artifact_list to see what is there'),
  CHECKPOINT_NOT_FOUND: row(404, 3, 'unknown or foreign checkpoint', 'call workspace_get to see its checkpoints'),
  SESSION_NOT_FOUND: row(404, 3, 'unknown or foreign session', 'call list_sessions to see yours'),
  PROJECT_NOT_FOUND: row(404, 3, 'unknown project', 'call list_projects to see what is there'),
  AGENT_NOT_FOUND: row(404, 3, 'unknown agent of a provider', 'call list_all_agents to see them'),
  TEMPLATE_NOT_FOUND: row(404, 3, 'unknown template of a provider', 'use one of the templates in details'),
  AGENT_RUN_NOT_FOUND: row(404, 3, 'unknown run of a provider', 'call codegen_list to see them'),
  REPO_NOT_FOUND: row(404, 3, 'a repository is not among those of the organization', 'use one of the names in details'),
  CONFIG_NOT_FOUND: row(
    404,
    3,
    'a configuration value is not set',
    'set it with codegen_config or boxswain config set',
  ),
  WORKER_NOT_FOUND: row(404, 3, 'unknown worker', 'call GET /api/workers to see them'),
  NOT_FOUND: row(404, 3, 'no such route', 'see the HTTP reference in docs/http.md'),
  WRONG_FILE_TYPE: row(422, 2, 'a directory or special file where a file is needed', 'call fs_list on the path'),
  NOT_TEXT: row(422, 2, 'the bytes are not UTF-8', 'read it with encoding: "base64"'),
  FILE_TOO_LARGE: row(
    422,
    2,
    'the content is larger than one call may carry',
    'write it in parts, or use artifact_upload',
  ),
  EDIT_NO_MATCH: row(409, 5, 'the search text of an edit is absent', 'read the file again and use its exact text'),
  EDIT_AMBIGUOUS: row(
    409,
    5,
    'the search text occurs more than once',
    'use a longer search text, or replace_all: true',
  ),
  FILE_CHANGED: row(409, 5, 'the file is not the one that was read', 'read the file again'),
  IDEMPOTENCY_CONFLICT: row(409, 5, 'the key was used with other arguments', 'use a new idempotency_key'),
  NOTHING_TO_COMMIT: row(409, 5, 'the work tree has no changes', 'change a file first'),
  SESSION_OPEN_ELSEWHERE: row(
    409,
    5,
    'the session is open in a terminal, where a prompt from here would lose a branch',
    'call again with when_open: fork, queue or wait',
  ),
  SESSION_BUSY: row(409, 5, 'the session has a turn running', 'wait for session.idle, or use when_busy: queue'),
  CONFLICT: row(409, 5, 'what was read has changed since', 'read it again, then write with its version'),
  PERMISSION_NOT_PENDING: row(
    409,
    5,
    'a permission request that was answered otherwise, has ended, or is unknown',
    'call list_permissions to see what is pending',
  ),
  RUN_NOT_RESUMABLE: row(409, 5, 'a run is not COMPLETE', 'wait until it is COMPLETE, or start a new one'),
  AGENT_OFFLINE: row(
    409,
    5,
    'an agent cannot be reached, or has ended for good',
    'call get_agent_details_by_id to see its state, or create another',
  ),
  AGENT_BUSY: row(409, 5, 'an agent is working', 'use when_busy: queue, or call again when it is idle'),
  AGENT_NOT_READY: row(409, 5, 'an agent is starting, or not ready for this yet', 'call again in a moment', true),
  CONTEXT_LOST: row(409, 5, 'the context ended with its box', 'define the variables again; the next call starts anew'),
  TASK_CANCELLED: row(409, 5, 'the task was cancelled', 'start it again if it is still wanted'),
  TASK_INTERRUPTED: row(409, 5, 'the task was started and its end was lost', 'start it again if that is safe'),
  INVALID_CWD: row(
    422,
    2,
    'a directory is not absolute, is missing, or lies outside the allowed roots',
    'use an existing directory inside one of the roots',
  ),
  LIMIT_UNENFORCEABLE: row(
    422,
    1,
    'the engine cannot enforce the limit',
    'set limits.allow_soft, or leave the limit out',
  ),
  CAPABILITY_UNSUPPORTED: row(422, 1, 'the engine lacks the feature', 'use another engine, see boxswain doctor'),
  TOOL_NOT_INSTALLED: row(422, 1, 'a program is not in the workspace', 'install it with pkg_install'),
  NO_TESTS_FOUND: row(422, 1, 'no test was found', 'name framework or path'),
  PACKAGE_INSTALL_FAILED: row(422, 1, 'the package manager failed', 'read details.output'),
  GIT_FAILED: row(422, 1, 'git failed', 'read details.output'),
  DISK_FULL: row(507, 1, 'a write beyond disk_mb', 'delete files, or create a workspace with a larger disk_mb'),
  QUEUE_FULL: row(429, 7, 'too much work is waiting', 'wait for tasks to end', true),
  CAPACITY_EXCEEDED: row(429, 7, 'all slots are taken', 'delete a workspace, or wait', true),
  RATE_LIMITED: row(429, 7, 'too many requests', 'wait, then call again', true),
  NO_WORKER_AVAILABLE: row(503, 7, 'no live worker fits', 'start a worker, or run boxswain doctor', true),
  SANDBOX_DIED: row(500, 1, 'the box died during the call', 'call again if it is safe to repeat', true),
  SESSION_FAILED: row(
    502,
    1,
    'the process of an agent ended while a prompt was delivered',
    'send the prompt again',
    true,
  ),
  AGENT_UNAVAILABLE: row(
    503,
    7,
    'an agent is not installed, not logged in, or does not start',
    'call list_agents_available to see what is there and why',
  ),
  AUTHENTICATION_FAILED: row(
    502,
    4,
    'a provider refuses the credentials that Boxswain has for it',
    'give valid credentials; boxswain doctor checks them',
  ),
  CODER_API_ERROR: row(
    502,
    1,
    'Coder answered with an error, or with what cannot be read',
    'see details, and run boxswain doctor',
  ),
  CODEGEN_API_ERROR: row(
    502,
    1,
    'Codegen answered with an error, or with what cannot be read',
    'see details, and run boxswain doctor',
  ),
  NETWORK_ERROR: row(504, 6, 'a provider did not answer', 'check that its address is right and reachable'),
  PROVIDER_NOT_CONFIGURED: row(503, 7, 'a provider is named that has no credentials', 'set the variables in details'),
  PLAN_LIMIT_REACHED: row(402, 1, 'the plan at a provider is used up', 'upgrade the plan, or wait for its next period'),
  NOT_CONFIGURED: row(503, 7, 'a setting is missing that a call needs', 'set the variable in details'),
  AGENT_RUN_FAILED: row(502, 1, 'a run of an agent ended without success', 'read its logs with codegen_logs'),
  WORKER_UNREACHABLE: row(503, 7, 'the worker of a session has no lease', 'retry, or fork it on another worker', true),
  SERVICE_UNAVAILABLE: row(
    503,
    7,
    'the records, or another service that the hub needs, cannot be reached',
    'call again in a moment',
    true,
  ),
  INTERNAL_ERROR: row(500, 1, 'anything unforeseen', 'report the reference id to the operator'),
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);
