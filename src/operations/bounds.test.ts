import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import { toListedTool } from './listed-tool.ts';
import type { Operation } from './operation.ts';
import { allOperations } from './registry.ts';

const session = { session_id: '0b5c9a52-7d0c-4e0e-9e0a-5b1a4f6f2d11' };
/** Arguments that each operation takes, so that one more can be varied. */
const valid: Readonly<Record<string, Record<string, unknown>>> = {
  workspace_delete: { workspace_id: 'ws_1' },
  workspace_restore: { checkpoint_id: 'cp_1' },
  fs_read: { path: 'a' },
  fs_write: { path: 'a', content: 'x' },
  fs_edit: { path: 'a', edits: [{ search: 'a', replace: 'b' }] },
  run_python: { code: '1' },
  run_command: { command: 'ls' },
  pkg_install: { packages: 'requests' },
  git_clone: { url: 'https://example.org/a.git' },
  git_commit: { message: 'm' },
  artifact_get: { artifact_id: 'art_1' },
  artifact_upload: { path: 'a' },
  task_get_status: { task_id: 't' },
  task_get_result: { task_id: 't' },
  task_cancel: { task_id: 't' },
  echo: { message: 'x' },
  get_session: session,
  send_prompt: { ...session, text: 'go' },
  send_and_wait: { ...session, text: 'go' },
  abort_session: session,
  dispose_session: session,
  fork_session: session,
  rename_session: { ...session, title: 'x' },
  respond_permission: { ...session, request_id: 'r', behavior: 'allow' },
  get_project_memory: { slug: '-x' },
  search_sessions: { query: 'xy' },
  update_state: { patch: {} },
  get_agent_details_by_id: { agent_id: 'a' },
  get_agent_execution_logs: { agent_id: 'a' },
  create_new_agent_task: { prompt: 'go', workspace_name: 'w' },
  delete_agent_workspace: { workspace_id: 'w' },
  send_input_to_agent: { agent_id: 'a', input_text: 'go' },
  codegen_new: { query: 'go' },
  codegen_resume: { agent_run_id: 7, query: 'go' },
  codegen_logs: { agent_run_id: 7 },
  codegen_config: { action: 'get', key: 'org_id' },
};

const numberSchema = z.looseObject({
  type: z.enum(['integer', 'number']),
  minimum: z.number(),
  maximum: z.number().optional(),
});
const enumSchema = z.looseObject({ type: z.literal('string'), enum: z.array(z.string()) });

const argumentsOf = (operation: Operation) => ({ ...valid[operation.name] });
const propertiesOf = (operation: Operation) =>
  Object.entries(
    z.looseObject({ properties: z.record(z.string(), z.unknown()) }).parse(toListedTool(operation).inputSchema)
      .properties,
  );

function isRefused(operation: Operation, args: Record<string, unknown>, named: string): boolean {
  try {
    operation.prepare(args);
    return false;
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'VALIDATION_ERROR');
    assert.ok(error.message.includes(`"${named}"`), `${error.message} does not name ${named}`);
    return true;
  }
}

for (const operation of allOperations) {
  test(`${operation.name} takes its numbers within the listed bounds and no others`, () => {
    operation.prepare(argumentsOf(operation));
    for (const [name, schema] of propertiesOf(operation)) {
      const bounds = numberSchema.safeParse(schema).data;
      if (bounds === undefined) continue;
      const { minimum, maximum = Number.MAX_SAFE_INTEGER } = bounds;
      const given = (value: number) => ({ ...argumentsOf(operation), [name]: value });
      fc.assert(
        fc.property(fc.integer({ min: minimum, max: maximum }), value => !isRefused(operation, given(value), name)),
      );
      assert.ok(isRefused(operation, given(minimum - 1), name));
      if (bounds.maximum !== undefined) assert.ok(isRefused(operation, given(maximum + 1), name));
      fc.assert(
        fc.property(fc.double({ noInteger: true, min: minimum, max: maximum }), value =>
          isRefused(operation, given(value), name),
        ),
      );
    }
  });

  test(`${operation.name} takes the listed words of an enumeration and no others`, () => {
    for (const [name, schema] of propertiesOf(operation)) {
      const words = enumSchema.safeParse(schema).data?.enum;
      if (words === undefined) continue;
      const given = (value: string) => ({ ...argumentsOf(operation), [name]: value });
      for (const word of words) assert.ok(!isRefused(operation, given(word), name));
      fc.assert(fc.property(fc.string(), text => words.includes(text) || isRefused(operation, given(text), name)));
    }
  });

  test(`${operation.name} refuses an argument that nobody listed`, () => {
    const known = new Set([
      ...propertiesOf(operation).map(([name]) => name),
      ...Object.keys(operation.argumentAliases),
    ]);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z_]{0,20}$/), name => {
        if (known.has(name)) return true;
        return isRefused(operation, { ...argumentsOf(operation), [name]: 1 }, name);
      }),
    );
  });
}
