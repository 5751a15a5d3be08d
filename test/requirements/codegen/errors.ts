import assert from 'node:assert/strict';
import { HTML_ERROR } from '../../support/fake-codegen/troubles.ts';
import { saidOf } from '../tool-arguments.ts';
import type { CodegenVerifier, Failed } from './verify.ts';

const isIt = (failed: Failed, code: string, { status, error }: { status: number; error: string }): void =>
  assert.deepEqual([failed.code, failed.error, failed.status ?? status], [code, error, status]);

/** Each error with its code, message and status, and what is to be done. */
export function declareErrors({ overMcp }: CodegenVerifier): void {
  overMcp('error.AUTHENTICATION_FAILED', async ({ fails, fake }) => {
    for (const status of [401, 403]) {
      fake.troubles.next('listRuns', { status, body: { message: 'whose token?', status_code: status } });
      const failed = await fails('codegen_list');
      isIt(failed, 'AUTHENTICATION_FAILED', {
        status: 502,
        error: 'Authentication failed. Check CODEGEN_API_TOKEN.',
      });
      assert.match(saidOf(failed), /whose token\?/);
    }
    assert.equal(fake.requests.count('listRuns'), 2, 'a refusal is not repeated');
  });

  overMcp('error.PLAN_LIMIT_REACHED', async ({ fails, fake }) => {
    fake.troubles.next('createRun', { status: 402, body: { message: 'No runs left.', status_code: 402 } });
    isIt(await fails('codegen_new', { query: 'x' }), 'PLAN_LIMIT_REACHED', { status: 402, error: 'No runs left.' });
    assert.equal(fake.requests.count('createRun'), 1);
  });

  overMcp('error.VALIDATION_ERROR', async ({ fails, fake }) => {
    const detail = [{ loc: ['body', 'prompt'], msg: 'too long', type: 'x' }];
    fake.troubles.next('createRun', { status: 422, body: { detail } });
    const failed = await fails('codegen_new', { query: 'x' });
    isIt(failed, 'VALIDATION_ERROR', { status: 400, error: 'Invalid request: body.prompt: too long' });
    assert.deepEqual(Object(failed.details).fields, [{ loc: ['body', 'prompt'], msg: 'too long' }]);
  });

  overMcp('error.RATE_LIMITED', async ({ fails, fake }) => {
    fake.troubles.next('getRun', { status: 429, headers: { 'retry-after': '120' } });
    const failed = await fails('codegen_task_status', { agent_run_id: 1 });
    isIt(failed, 'RATE_LIMITED', { status: 429, error: 'Rate limit of codegen reached' });
    assert.deepEqual([failed.details, failed.retryable], [{ retry_after_seconds: 120 }, true]);
  });

  overMcp('error.CODEGEN_API_ERROR', async ({ fails, fake }) => {
    for (const [trouble, status, error] of [
      [{ status: 500, body: { message: 'broken', status_code: 500 } }, 500, /^Codegen API error: 500 - broken$/],
      [{ status: 418, body: HTML_ERROR }, 418, /^Codegen API error: 418 - /],
      [{ body: HTML_ERROR }, 200, /^Codegen API error: 200 - an HTML page instead of JSON$/],
      [{ lie: () => ({ total: 'many' }) }, 200, /^Codegen API error: 200 - field items is missing$/],
    ] as const) {
      fake.troubles.next('listRuns', trouble);
      const failed = await fails('codegen_list');
      assert.deepEqual([failed.code, failed.status ?? 502], ['CODEGEN_API_ERROR', 502]);
      assert.match(failed.error, error);
      assert.equal(Object(failed.details).status_code, status);
      assert.doesNotMatch(saidOf(failed), /<html|node_modules|\n\s+at /i);
    }
  });

  overMcp('error.hints', async ({ fails, fake }) => {
    for (const [tool, args] of [
      ['codegen_new', {}],
      ['codegen_task_status', { task_id: '550e8400-e29b-41d4-a716-446655440000' }],
      ['codegen_logs', { agent_run_id: 4 }],
      ['codegen_resume', { agent_run_id: fake.runs.add().id, query: 'x' }],
      ['codegen_config', { action: 'set', key: 'base_url', value: 'http://127.0.0.1' }],
    ] as const)
      assert.ok((await fails(tool, args)).hint.length > 10, tool);
  });
}
