import assert from 'node:assert/strict';
import { findOperation, operatorOperations } from '../../../src/operations/registry.ts';
import { assertListed, assertRefused, saidOf } from '../tool-arguments.ts';
import { tools } from './arguments.ts';
import type { FleetVerifier } from './verify.ts';

const entries = Object.entries(tools);

export function declareShapes({ overMcp, once }: FleetVerifier): void {
  once('tools.scopes', async () => {
    for (const [name, { hints }] of entries)
      assert.equal(findOperation(name)?.scope, hints.startsWith('R') ? 'fleet:read' : 'fleet:write', name);
    for (const verb of ['pause', 'resume', 'interrupt']) {
      const operation = operatorOperations.find(({ name }) => name === `${verb}_agent`);
      assert.deepEqual([operation?.scope, operation?.isTool], ['fleet:write', false]);
    }
  });

  overMcp('tools.listed', async ({ peer: { peer } }) => {
    if (peer === undefined) return;
    const listed = (await peer.client.listTools()).tools.map(({ name }) => name);
    assert.deepEqual(
      listed.filter(name => name in tools),
      Object.keys(tools),
    );
    for (const name of ['poll_events', 'task_get_result', 'task_cancel']) assert.ok(listed.includes(name), name);
    for (const verb of ['pause', 'resume', 'interrupt']) assert.ok(!listed.includes(`${verb}_agent`), verb);
  });

  overMcp('tools.hints', async ({ peer: { peer } }) => {
    if (peer === undefined) return;
    const listed = (await peer.client.listTools()).tools;
    for (const [name, { hints }] of entries) {
      const tool = listed.find(one => one.name === name) ?? assert.fail(`${name} is not listed`);
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = { ...tool.annotations };
      const letters = [readOnlyHint && 'R', destructiveHint && 'D', idempotentHint && 'I', openWorldHint && 'O'];
      assert.equal(letters.filter(Boolean).join(''), hints, name);
      assert.ok(tool.title && tool.description && tool.outputSchema, name);
      assert.deepEqual(tool.outputSchema.required, ['success'], `${name} requires success alone`);
    }
  });

  overMcp('arguments.listed', async ({ peer: { peer } }) => {
    if (peer !== undefined) await assertListed(peer, tools);
  });

  overMcp('arguments.bounds', async ({ fails }) => {
    await assertRefused(fails, tools);
  });

  overMcp('arguments.strict', async ({ fails, coder }) => {
    const before = coder.changes().length;
    for (const [name, { args, required }] of entries) {
      const unknown = await fails(name, { ...required, colour: 'red' });
      assert.equal(unknown.code, 'VALIDATION_ERROR', name);
      for (const word of ['colour', ...Object.keys(args)]) assert.match(saidOf(unknown), new RegExp(word), name);
      for (const argument of Object.keys(required)) {
        const { [argument]: _left, ...others } = required;
        const { code, error } = await fails(name, others);
        assert.deepEqual([code, error], ['VALIDATION_ERROR', `required argument "${argument}" not found`], name);
      }
    }
    assert.equal(coder.changes().length, before, 'nothing was done');
  });

  overMcp('arguments.documented', async ({ ok, fails, addTask, user }) => {
    const { id: agent_id, name: workspace_name } = addTask();
    const { workspaceId: workspace_id } = addTask();
    const given: Record<string, unknown> = {
      ...{ user, agent_id, workspace_id, workspace_name, prompt: 'go', input_text: 'go', template_name: 'python-dev' },
      ...{ rich_parameters: { cpus: '2' }, status: 'idle', level: 'info', limit: 10 },
    };
    for (const [name, { documented }] of entries) {
      const args = Object.fromEntries(documented.map(argument => [argument, given[argument]]));
      assert.equal((await ok(name, args)).success, true, name);
    }
    assert.equal((await ok('list_all_agents', {})).success, true);
    const missing = { user, prompt: 'go', workspace_name: 'missing', template_name: 'none', rich_parameters: {} };
    assert.equal((await fails('create_new_agent_task', missing)).code, 'TEMPLATE_NOT_FOUND');
  });
}
