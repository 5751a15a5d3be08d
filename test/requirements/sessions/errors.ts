import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Grounds } from './grounds.ts';
import { type SessionVerifier, typed } from './verify.ts';
import { askOperation } from '../../support/operations-api.ts';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';

interface Failure {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly hint: RegExp;
}

const found = { status: 404, hint: /list_sessions/ };
const failures = (cwd: string): Failure[] => [
  ...['get_session', 'abort_session', 'dispose_session', 'fork_session'].map(tool => ({
    ...{ tool, args: { session_id: UNKNOWN }, code: 'SESSION_NOT_FOUND' },
    ...{ message: `Session not found: ${UNKNOWN}`, ...found },
  })),
  {
    ...{ tool: 'send_prompt', args: { session_id: UNKNOWN, text: 'x' }, code: 'SESSION_NOT_FOUND' },
    ...{ message: `Session not found: ${UNKNOWN}`, ...found },
  },
  {
    ...{ tool: 'get_project_memory', args: { slug: '-x' }, code: 'PROJECT_NOT_FOUND', status: 404 },
    ...{ message: 'Project not found: -x', hint: /list_projects/ },
  },
  {
    ...{ tool: 'list_sessions', args: { worker_id: 'w' }, code: 'WORKER_NOT_FOUND', status: 404 },
    ...{ message: 'Worker not found: w', hint: /GET \/api\/workers/ },
  },
  {
    ...{ tool: 'create_session', args: { agent: 'scripted', cwd: '/nowhere' }, code: 'INVALID_CWD', status: 422 },
    ...{ message: 'cwd must be an existing directory inside the allowed roots: /nowhere', hint: /./ },
  },
  {
    ...{ tool: 'create_session', args: { agent: 'scripted', cwd, model: 'other' }, code: 'CAPABILITY_UNSUPPORTED' },
    ...{ status: 422, message: 'scripted does not support model other', hint: /scripted/ },
  },
  {
    ...{ tool: 'update_state', args: { patch: {}, if_version: 999_999 }, code: 'CONFLICT', status: 409 },
    ...{ message: 'the state has version 0, not 999999', hint: /read it again/ },
  },
];
/** By status, as the table has them. */
const exits: Readonly<Record<string, number>> = {
  SESSION_NOT_FOUND: 3,
  PROJECT_NOT_FOUND: 3,
  WORKER_NOT_FOUND: 3,
  INVALID_CWD: 2,
  CAPABILITY_UNSUPPORTED: 1,
  CONFLICT: 5,
};

export function declareErrors({ once }: SessionVerifier, grounds: () => Grounds): void {
  once('error.http', async ({ url }) => {
    for (const { tool, args, code, status, message, hint } of failures(join(grounds().projects, 'shop'))) {
      const { status: found, body } = await askOperation(url, tool, args);
      assert.deepEqual([found, body.code, body.error], [status, code, message], tool);
      assert.match(String(body.hint), hint, tool);
      assert.deepEqual(Object.keys(body).sort(), ['code', 'details', 'error', 'hint', 'retryable']);
      assert.doesNotMatch(JSON.stringify(body), /node_modules|\n\s+at |boxswain-test-[^/]*\/(?:homes|data)/);
    }
  });

  once('error.cli', async ({ directory }) => {
    const at = ['--directory', directory];
    const runs = {
      SESSION_NOT_FOUND: ['show', UNKNOWN],
      PROJECT_NOT_FOUND: ['memory', '-x'],
      WORKER_NOT_FOUND: ['list', '--worker-id', 'w'],
      INVALID_CWD: ['create', '--agent', 'scripted', '--cwd', '/nowhere'],
    };
    const told = Object.entries(runs).map(async ([code, words]) => {
      const { code: exit, stdout, stderr } = await typed(['sessions', ...words, ...at]);
      assert.deepEqual([exit, stdout], [exits[code], ''], code);
      assert.match(stderr, new RegExp(`^error: .* \\[${code}\\]\\nhint: .+\\n$`), code);
    });
    await Promise.all(told);
  });
}
