import assert from 'node:assert/strict';
import type { Trouble } from '../../support/fake-codegen/troubles.ts';
import { AGENT_ID } from './arguments.ts';
import { type FleetVerifier, type Grounds, stateOf } from './verify.ts';
import type { Json } from '../callers.ts';

const UNKNOWN = 'nonexistent-agent-id-12345';
const SEND = 'post /api/v2/tasks/{user}/{task}/send';

interface Failure {
  readonly code: string;
  readonly status: number;
  readonly exit: number;
  readonly tool: string;
  readonly args: Json;
  /** The same on the command line. */
  readonly words: readonly string[];
  readonly error: string;
  readonly details: Json;
  readonly isRetryable?: boolean;
  /** What goes wrong with the next input that is sent. */
  readonly trouble?: Trouble;
}

const send = (agent_id: string, more: object = {}) => ({
  ...{ tool: 'send_input_to_agent', args: { user: 'me', agent_id, input_text: 'x', ...more } },
  words: ['send', agent_id, 'x'],
});
const create = (args: Json, ...words: string[]) => ({
  ...{ tool: 'create_new_agent_task', args: { prompt: 'x', ...args } },
  words: ['create', '--prompt', 'x', ...words],
});
const coderError = (status: number, message: string) => `Coder API error: ${status} - ${message}`;

/** One of each code of the table; `agents` are those that they are about. */
const failures = (agents: Readonly<Record<'busy' | 'offline' | 'starting', string>>): Failure[] => [
  {
    ...{ code: 'AGENT_NOT_FOUND', status: 404, exit: 3, ...send(UNKNOWN) },
    ...{ error: `Agent not found: ${UNKNOWN}`, details: { user: 'me', agent_id: UNKNOWN } },
  },
  {
    ...{ code: 'WORKSPACE_NOT_FOUND', status: 404, exit: 3 },
    ...create({ user: 'me', workspace_name: 'nowhere' }, '--workspace', 'nowhere'),
    ...{ error: 'Workspace not found: nowhere', details: { workspace_name: 'nowhere', user: 'me' } },
  },
  {
    ...{ code: 'WORKSPACE_NOT_FOUND', status: 404, exit: 3, tool: 'delete_agent_workspace' },
    ...{ args: { workspace_id: 'coder:nothing' }, words: ['delete', 'coder:nothing', '--yes'] },
    ...{ error: 'Workspace not found: nothing', details: { workspace_id: 'nothing' } },
  },
  {
    ...{ code: 'TEMPLATE_NOT_FOUND', status: 404, exit: 3 },
    ...create({ workspace_name: 'w', template_name: 'none' }, '--workspace', 'w', '--template', 'none'),
    ...{ error: 'Template not found: none', details: { template_name: 'none', templates: ['bare', 'python-dev'] } },
  },
  {
    ...{ code: 'AUTHENTICATION_FAILED', status: 502, exit: 4, ...send(AGENT_ID) },
    ...{ error: 'Authentication failed. Check CODER_SESSION_TOKEN.', details: { status_code: 401, message: 'no' } },
    trouble: { status: 401, body: { message: 'no' } },
  },
  {
    ...{ code: 'VALIDATION_ERROR', status: 400, exit: 2, ...create({ prompt: ' ', workspace_name: 'w' }) },
    words: ['create', '--workspace', 'w', '--prompt', ' '],
    ...{ error: 'Prompt cannot be empty', details: { field: 'prompt' } },
  },
  {
    ...{ code: 'VALIDATION_ERROR', status: 400, exit: 2, ...create({ workspace_name: '' }, '--workspace', '') },
    ...{ error: 'Workspace name cannot be empty', details: { field: 'workspace_name' } },
  },
  {
    ...{ code: 'VALIDATION_ERROR', status: 400, exit: 2, tool: 'send_input_to_agent', words: ['send', AGENT_ID, ' '] },
    ...{ args: { agent_id: AGENT_ID, input_text: ' ' }, error: 'Input text cannot be empty' },
    details: { field: 'input_text' },
  },
  {
    ...{ code: 'VALIDATION_ERROR', status: 400, exit: 2, ...send(AGENT_ID), error: 'Invalid request: Bad input' },
    details: { status_code: 400, fields: { input: 'is too long' } },
    trouble: {
      status: 400,
      body: { message: 'Bad input', validations: [{ field: 'input', detail: 'is too long' }] },
    },
  },
  {
    ...{ code: 'AGENT_OFFLINE', status: 409, exit: 5, ...send(agents.offline) },
    error: `Agent ${agents.offline} is offline since 2026-03-01T12:31:00Z`,
    details: { agent_id: agents.offline, status: 'offline' },
  },
  {
    ...{ code: 'AGENT_BUSY', status: 409, exit: 5, ...send(agents.busy, { when_busy: 'error' }) },
    words: ['send', agents.busy, 'x', '--when-busy', 'error'],
    ...{ error: `Agent ${agents.busy} is busy`, details: { agent_id: agents.busy, status: 'busy' } },
  },
  {
    ...{ code: 'AGENT_NOT_READY', status: 409, exit: 5, isRetryable: true, ...send(AGENT_ID) },
    ...{ error: `Agent ${AGENT_ID} is not ready: starting`, details: { status_code: 409 } },
    trouble: { status: 409, body: { message: 'starting' } },
  },
  {
    ...{ code: 'CAPABILITY_UNSUPPORTED', status: 422, exit: 1, ...send(agents.busy, { when_busy: 'interrupt' }) },
    words: ['send', agents.busy, 'x', '--when-busy', 'interrupt'],
    error: `Agent ${agents.busy} of coder cannot interrupt`,
    details: { agent_id: agents.busy, provider: 'coder', capabilities: ['logs', 'send_input', 'delete', 'pause'] },
  },
  {
    ...{ code: 'RATE_LIMITED', status: 429, exit: 7, isRetryable: true, ...send(AGENT_ID) },
    ...{ error: 'Rate limit of coder reached', details: { retry_after_seconds: 1 } },
    trouble: { status: 429, body: { message: 'slower' } },
  },
  {
    ...{ code: 'CODER_API_ERROR', status: 502, exit: 1, ...send(AGENT_ID), details: { status_code: 502 } },
    ...{ error: coderError(502, `${'x'.repeat(499)}…`), trouble: { status: 502, body: { message: 'x'.repeat(9000) } } },
  },
  {
    ...{ code: 'CODER_API_ERROR', status: 502, exit: 1, ...send(AGENT_ID), details: { status_code: 500 } },
    error: coderError(500, 'Internal Server Error (an HTML page instead of JSON)'),
    trouble: { status: 500, body: '<html><body><h1>Oops</h1></body></html>' },
  },
  {
    ...{ code: 'NETWORK_ERROR', status: 504, exit: 6, ...send(AGENT_ID), error: 'Network error: ' },
    ...{ details: { attempts: 1 }, trouble: { cuts: 'before' } },
  },
  {
    ...{ code: 'PROVIDER_NOT_CONFIGURED', status: 503, exit: 7, tool: 'list_all_agents' },
    ...{ args: { provider: 'codegen' }, words: ['list', '--provider', 'codegen'] },
    error: 'Provider codegen is not configured',
    details: { provider: 'codegen', variables: ['CODEGEN_API_TOKEN', 'CODEGEN_ORG_ID'] },
  },
];

const ours = ({ coder, newUser }: Pick<Grounds, 'coder' | 'newUser'>) => {
  newUser();
  const owner = 'alice';
  const busy = coder.fleet.addTask({ owner, state: stateOf('working') }).id;
  const offline = coder.fleet.addTask({ owner, healthy: false }).id;
  const starting = coder.fleet.addTask({ owner, status: 'initializing' }).id;
  return failures({ busy, offline, starting });
};

/** Whatever is asked while it lasts goes wrong. */
const troubles: readonly (readonly [trouble: Trouble, code: string])[] = [
  [{ status: 401 }, 'AUTHENTICATION_FAILED'],
  [{ status: 403 }, 'AUTHENTICATION_FAILED'],
  [{ status: 429 }, 'RATE_LIMITED'],
  [{ status: 500, body: '<html><body><h1>Oops</h1></body></html>' }, 'CODER_API_ERROR'],
  [{ status: 503 }, 'CODER_API_ERROR'],
  [{ body: '<!DOCTYPE html><title>Sign in</title>' }, 'CODER_API_ERROR'],
  [{ cuts: 'before' }, 'NETWORK_ERROR'],
];

export function declareErrors({ overMcp, overTwo, once }: FleetVerifier, grounds: () => Grounds): void {
  overTwo('error.every_tool', async ({ addTask, coder, failsAtLast, forget, target, user }) => {
    const { id: agent_id, workspaceId: workspace_id } = addTask();
    const calls: readonly (readonly [tool: string, args: Json])[] = [
      ['list_all_agents', { provider: 'coder' }],
      ['get_fleet_status_metrics', { provider: 'coder' }],
      ['get_agent_details_by_id', { user, agent_id }],
      ['get_agent_execution_logs', { user, agent_id }],
      ['create_new_agent_task', { user, prompt: 'go', workspace_name: `none-${user}`, template_name: 'python-dev' }],
      ['delete_agent_workspace', { workspace_id }],
      ['send_input_to_agent', { user, agent_id, input_text: 'go' }],
    ];
    const made = coder.fleet.tasks.length;
    for (const [trouble, expected] of troubles) {
      for (const [tool, args] of calls) {
        // What was listed before is not listed again; and of failures one after another a hub would close the way to the service.
        for (const _ of target.directories) await forget();
        coder.always(trouble);
        try {
          const { code, hint } = await failsAtLast(tool, args);
          assert.equal(code, expected, tool);
          assert.ok(hint.length > 10, `${tool}: ${hint}`);
        } finally {
          coder.always();
        }
      }
    }
    assert.equal(coder.fleet.tasks.length, made, 'nothing was made');
  });

  overMcp('error.codes', async ({ fails }) => {
    const { coder } = grounds();
    for (const { trouble, tool, args, code, status, error, details, isRetryable = false } of ours(grounds())) {
      if (trouble) coder.next(SEND, trouble);
      const failed = await fails(tool, args);
      const about = `${code} ${JSON.stringify(failed)}`;
      assert.equal(failed.code, code, about);
      assert.ok(failed.error.startsWith(error) && (error.endsWith(' ') || failed.error === error), about);
      for (const [name, value] of Object.entries(details)) assert.deepEqual(failed.details[name], value, about);
      assert.equal(failed.retryable, isRetryable, about);
      assert.notEqual(failed.hint, '', about);
      if (failed.status !== undefined) assert.equal(failed.status, status, about);
      if (code === 'NETWORK_ERROR') assert.equal(failed.error, `Network error: ${failed.details.reason}`);
      assert.ok(!JSON.stringify(failed).includes(coder.token));
    }
  });

  once('error.cli', async server => {
    const { coder, line } = grounds();
    for (const { trouble, words, code, exit, error } of ours(grounds())) {
      if (trouble) coder.next(SEND, trouble);
      const ran = await line(server, ...words);
      assert.deepEqual([ran.code, ran.stdout], [exit, ''], `${code} ${ran.stderr}`);
      assert.ok(ran.stderr.startsWith(`error: ${error}`), ran.stderr);
      assert.match(ran.stderr, new RegExp(`\\[${code}\\]\\nhint: .+\\n$`));
    }
  });
}
