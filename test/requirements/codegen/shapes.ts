import assert from 'node:assert/strict';
import { assertListed, assertRefused, saidOf } from '../tool-arguments.ts';
import { tools } from './arguments.ts';
import type { CodegenVerifier } from './verify.ts';

const entries = Object.entries(tools);

export function declareShapes({ overMcp }: CodegenVerifier): void {
  overMcp('tools.listed', async ({ peer: { peer } }) => {
    if (peer === undefined) return;
    const listed = (await peer.client.listTools()).tools.map(({ name }) => name);
    assert.deepEqual(
      listed.filter(name => name.startsWith('codegen')),
      Object.keys(tools),
    );
  });

  overMcp('tools.hints', async ({ peer: { peer } }) => {
    if (peer === undefined) return;
    const listed = (await peer.client.listTools()).tools;
    for (const [name, { hints }] of entries) {
      const tool = listed.find(one => one.name === name) ?? assert.fail(`${name} is not listed`);
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = { ...tool.annotations };
      assert.equal(destructiveHint, false, name);
      const letters = [readOnlyHint && 'R', idempotentHint && 'I', openWorldHint && 'O'];
      assert.equal(letters.filter(Boolean).join(''), hints, name);
      assert.ok(tool.title && tool.description && tool.outputSchema, name);
      assert.deepEqual(tool.outputSchema.required, ['status'], name);
    }
  });

  overMcp('tools.aliases', async ({ peer: { peer }, fails }) => {
    for (const [name, { aliases }] of entries) {
      const own = await fails(name, { colour: 'red' });
      if (peer === undefined) continue;
      for (const alias of aliases) assert.deepEqual(await fails(alias, { colour: 'red' }), own, alias);
    }
  });

  overMcp('arguments.listed', async ({ peer: { peer } }) => {
    if (peer !== undefined) await assertListed(peer, tools);
  });

  overMcp('arguments.bounds', async ({ fails }) => {
    await assertRefused(fails, tools);
  });

  overMcp('arguments.strict', async ({ fails, wire }) => {
    for (const [name, { args, required }] of entries) {
      const command = name.replace('codegen_', '');
      const unknown = await fails(name, { ...required, colour: 'red' });
      assert.equal(unknown.code, 'VALIDATION_ERROR', name);
      for (const word of ['colour', ...Object.keys(args)]) assert.match(saidOf(unknown), new RegExp(word), name);
      for (const argument of Object.keys(required)) {
        const { [argument]: _left, ...others } = required;
        const { error, details, code } = await fails(name, others);
        assert.equal(code, 'VALIDATION_ERROR');
        // As an operation of HTTP it fails like every other operation there.
        if (wire === 'http, operations') assert.equal(error, `required argument "${argument}" not found`);
        else {
          assert.equal(error, `Missing required argument: ${argument}`);
          assert.equal(details, `Argument '${argument}' is required for command '${command}'.`);
        }
      }
    }
  });

  overMcp('arguments.digits', async ({ ok, fake }) => {
    const { id } = fake.runs.add({ status: 'COMPLETE', result: 'done' });
    assert.equal((await ok('codegen_task_status', { agent_run_id: String(id) })).agent_run_id, id);
    assert.equal((await ok('codegen_resume', { agent_run_id: String(id), query: 'x' })).agent_run_id, id);
    assert.deepEqual((await ok('codegen_logs', { agent_run_id: String(id) })).logs, []);
  });
}
