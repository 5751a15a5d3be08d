import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sessionClient } from '../../support/session-client.ts';
import type { Target } from '../../support/target.ts';
import type { Grounds } from './grounds.ts';
import { closeSession, openSession, untilStatus } from './mirrors.ts';
import { listOf, until } from './tools.ts';
import { type SessionVerifier, typed } from './verify.ts';

const LONG = '#slow 1000 1000';
const GONE = 'wk_gone';
const MOST_PROMPTS = 20;

interface Refusal {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  /** The same on the command line, after `boxswain sessions`. */
  readonly words: readonly string[];
  readonly code: string;
  readonly status: number;
  readonly exit: number;
  readonly retryable?: boolean;
  readonly message: string | RegExp;
  readonly hint: RegExp;
  readonly details?: object;
}

/** Refused in the same words, with the status and the exit code of the table. */
async function refused({ server }: Target, refusal: Refusal): Promise<void> {
  const { tool, args, words, code, status, exit, retryable = false, message, hint, details = {} } = refusal;
  const body = await sessionClient(() => server.url).ask(tool, args);
  assert.deepEqual([body.httpStatus, body.code, body.retryable], [status, code, retryable], JSON.stringify(body));
  assert.match(String(body.error), typeof message === 'string' ? new RegExp(`^${RegExp.escape(message)}$`) : message);
  assert.match(String(body.hint), hint);
  assert.deepEqual({ ...Object(body.details), ...details }, body.details);
  const run = await typed(['sessions', ...words, '--directory', server.directory]);
  assert.deepEqual([run.code, run.stdout], [exit, ''], run.stderr);
  const [error = '', shown = '', ...rest] = run.stderr.split('\n');
  assert.match(error, new RegExp(`^error: .* \\[${code}\\]$`));
  const said = error.slice('error: '.length, -` [${code}]`.length);
  assert.match(said, typeof message === 'string' ? new RegExp(`^${RegExp.escape(message)}$`) : message);
  assert.match(shown, new RegExp(`^hint: .*${hint.source}`));
  assert.deepEqual(rest, ['']);
}

export function declareRefusals({ once }: SessionVerifier, grounds: () => Grounds): void {
  const shop = () => join(grounds().projects, 'shop');
  const askAt = ({ server }: Target) => {
    const { ask } = sessionClient(() => server.url);
    const ok = async (tool: string, args?: Record<string, unknown>) => {
      const { httpStatus, ...output } = await ask(tool, args);
      assert.ok(Number(httpStatus) < 300, JSON.stringify(output));
      return output;
    };
    const create = async (args: object = {}) =>
      String((await ok('create_session', { agent: 'scripted', cwd: shop(), ...args })).sessionId);
    return { ok, create };
  };
  /** A session at work, and its turn. */
  const busy = async (target: Target) => {
    const { ok, create } = askAt(target);
    const session_id = await create();
    const { turnId } = await ok('send_prompt', { session_id, text: LONG });
    const args = { session_id };
    await until({ ok }, { tool: 'get_session', args, isIt: ({ session }) => Object(session).status === 'running' });
    return { ok, session_id, turnId: String(turnId) };
  };

  once('error.open_elsewhere', async (_server, target) => {
    const { session_id } = await openSession(grounds());
    const { ok } = askAt(target);
    await untilStatus({ ok }, { session_id, status: 'mirror' });
    await refused(target, {
      ...{ tool: 'send_prompt', args: { session_id, text: 'x' }, words: ['send', session_id, '--text', 'x'] },
      ...{ code: 'SESSION_OPEN_ELSEWHERE', status: 409, exit: 5 },
      message: `Session ${session_id} is open in a terminal (pid ${process.pid})`,
      hint: /when_open: fork, queue or wait/,
      details: { choices: ['fork', 'queue', 'wait'] },
    });
    await closeSession(grounds(), session_id);
    await untilStatus({ ok }, { session_id, status: 'parked' });
  });

  once('error.busy', async (_server, target) => {
    const { ok, session_id, turnId } = await busy(target);
    await refused(target, {
      ...{ tool: 'send_prompt', args: { session_id, text: 'x', when_busy: 'error' } },
      words: ['send', session_id, '--text', 'x', '--when-busy', 'error'],
      ...{ code: 'SESSION_BUSY', status: 409, exit: 5 },
      message: `Session ${session_id} has turn ${turnId} running`,
      hint: /wait for session\.idle/,
      details: { turn_id: turnId },
    });
    await ok('dispose_session', { session_id });
  });

  once('error.not_pending', async (_server, target) => {
    const { ok, create } = askAt(target);
    const session_id = await create();
    const asked = await ok('send_and_wait', { session_id, text: '#ask Write {}' });
    const request_id = String(Object(listOf(asked.pendingPermissions)[0]).requestId);
    await ok('respond_permission', { session_id, request_id, behavior: 'allow' });
    for (const [id, state] of [
      [request_id, 'allowed'],
      ['nothing', 'unknown'],
    ] as const) {
      await refused(target, {
        ...{ tool: 'respond_permission', args: { session_id, request_id: id, behavior: 'deny' } },
        words: ['respond', session_id, '--request-id', id, '--behavior', 'deny'],
        ...{ code: 'PERMISSION_NOT_PENDING', status: 409, exit: 5 },
        message: `Permission request ${id} is not pending: ${state}`,
        hint: /list_permissions/,
        details: { state },
      });
    }
    await ok('dispose_session', { session_id });
  });

  once('error.failed', async (_server, target) => {
    // An agent that ends instead of beginning its session, and so before it has the prompt.
    const cwd = join(grounds().projects, 'ends-at-once');
    await mkdir(cwd);
    await refused(target, {
      ...{ tool: 'create_session', args: { agent: 'plain', cwd, prompt: 'x' } },
      words: ['create', '--agent', 'plain', '--cwd', cwd, '--prompt', 'x'],
      ...{ code: 'SESSION_FAILED', status: 502, exit: 1, retryable: true },
      message: 'The agent exited (code 3)',
      hint: /send the prompt again/,
    });
    // One that ends with the prompt: whoever sent it was answered, and hears of it as of any end.
    const { ok, create } = askAt(target);
    const session_id = await create({ agent: 'plain' });
    const turn = await ok('send_and_wait', { session_id, text: 'crash' });
    assert.deepEqual([Object(turn.result).outcome, turn.status], ['failed', 'failed'], JSON.stringify(turn));
    const types = ['session.error', 'session.idle'];
    const { events } = await ok('poll_events', { session_id, types, timeout_ms: 0 });
    const [error, idle] = listOf(events).map(event => Object(event));
    assert.deepEqual(
      [error.type, error.code, error.error],
      ['session.error', 'SESSION_FAILED', 'The agent exited (code 3)'],
    );
    assert.deepEqual([idle.type, idle.turnId], ['session.idle', turn.turnId]);
    await ok('dispose_session', { session_id });
  });

  once('error.unavailable', async (_server, target) => {
    await refused(target, {
      ...{ tool: 'create_session', args: { agent: 'claude', cwd: shop() } },
      words: ['create', '--agent', 'claude', '--cwd', shop()],
      ...{ code: 'AGENT_UNAVAILABLE', status: 503, exit: 7 },
      message: /^Agent claude is not available on \S+: it ended while it started \(code 1\)$/,
      hint: /install Claude Code, run claude once and log in/,
      details: { agent: 'claude' },
    });
    await refused(target, {
      ...{ tool: 'create_session', args: { agent: 'nobody', cwd: shop() } },
      words: ['create', '--agent', 'nobody', '--cwd', shop()],
      ...{ code: 'AGENT_UNAVAILABLE', status: 503, exit: 7 },
      message: /^Agent nobody is not available on \S+: not configured$/,
      hint: /list_agents_available/,
    });
  });

  once('error.unreachable', async (_server, target) => {
    const { ok, create } = askAt(target);
    const session_id = await create();
    await ok('send_and_wait', { session_id, text: '#say before' });
    await ok('dispose_session', { session_id });
    const [row] = await target.query('select worker from session where id = ?', [session_id]);
    await target.query('update session set worker = ? where id = ?', [GONE, session_id]);
    await refused(target, {
      ...{ tool: 'fork_session', args: { session_id }, words: ['fork', session_id] },
      ...{ code: 'WORKER_UNREACHABLE', status: 503, exit: 7, retryable: true },
      message: `Worker ${GONE} is not connected`,
      hint: /retry, or fork it on another worker/,
      details: { worker_id: GONE },
    });
    await target.query('update session set worker = ? where id = ?', [Object(row).worker, session_id]);
    assert.equal((await ok('fork_session', { session_id })).forkedFrom, session_id, 'its worker is there again');
  });

  once('error.capacity', async (_server, target) => {
    const { ok, session_id } = await busy(target);
    for (let sent = 0; sent < MOST_PROMPTS; sent += 1) await ok('send_prompt', { session_id, text: '#say x' });
    await refused(target, {
      ...{ tool: 'send_prompt', args: { session_id, text: 'x' }, words: ['send', session_id, '--text', 'x'] },
      ...{ code: 'CAPACITY_EXCEEDED', status: 429, exit: 7, retryable: true },
      message: `the session has ${MOST_PROMPTS} prompts waiting, which is its cap`,
      hint: /abort_session|dispose/,
      details: { cap: MOST_PROMPTS },
    });
    await ok('dispose_session', { session_id });
  });
}
