import assert from 'node:assert/strict';
import { type Argument, tools } from './arguments.ts';
import type { SessionVerifier } from './verify.ts';

const UUID = '00000000-0000-4000-8000-000000000000';
/** For required arguments whose value is not what is tried. */
const VALID: Readonly<Record<string, unknown>> = {
  session_id: UUID,
  text: 'x',
  title: 'x',
  request_id: 'x',
  behavior: 'allow',
  slug: 'x',
  query: 'xx',
  patch: {},
};

const entries = Object.entries(tools);
const requiredOf = (args: Readonly<Record<string, Argument>>): string[] =>
  Object.keys(args).filter(name => args[name]?.isRequired === true);
const validFor = (args: Readonly<Record<string, Argument>>) =>
  Object.fromEntries(requiredOf(args).map(name => [name, VALID[name]]));

/** Values that must be refused. */
function* refusedOf({ bounds, oneOf, clamped, kind, element }: Argument): Generator<unknown> {
  if (bounds !== undefined) {
    const [least, most] = bounds;
    for (const size of [least - 1, most + 1]) {
      if (kind === undefined) yield size;
      else if (size >= 0) yield kind === 'text' ? 'x'.repeat(size) : Array.from({ length: size }, () => element);
    }
    if (kind === undefined) yield least + 0.5;
  }
  if (clamped !== undefined) yield clamped[0] + 0.5;
  if (oneOf !== undefined) yield 'nonsense';
  yield kind === 'text' || oneOf !== undefined ? 7 : 'seven';
}

export function declareShapes({ overMcp }: SessionVerifier): void {
  overMcp('tools.listed', async ({ peer }) => {
    if (peer.client === undefined) return;
    const { tools: listed } = await peer.client.listTools();
    const names = listed.map(({ name }) => name);
    assert.deepEqual(
      Object.keys(tools).filter(name => !names.includes(name)),
      [],
    );
  });

  overMcp('tools.hints', async ({ peer }) => {
    if (peer.client === undefined) return;
    const { tools: listed } = await peer.client.listTools();
    for (const [name, { hints }] of entries) {
      const tool = listed.find(one => one.name === name) ?? assert.fail(`${name} is not listed`);
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = { ...tool.annotations };
      const letters = [readOnlyHint && 'R', destructiveHint && 'D', idempotentHint && 'I', openWorldHint && 'O'];
      assert.equal(letters.filter(Boolean).join(''), hints, name);
      assert.ok(tool.title && tool.description && tool.outputSchema, name);
    }
  });

  overMcp('arguments.listed', async ({ peer }) => {
    if (peer.client === undefined) return;
    const { tools: listed } = await peer.client.listTools();
    for (const [name, { args }] of entries) {
      const { properties = {}, required = [] } = listed.find(tool => tool.name === name)?.inputSchema ?? {};
      const shown = Object.keys(args).filter(argument => args[argument]?.isHidden !== true);
      assert.deepEqual(
        shown.filter(argument => !(argument in properties)),
        [],
        `${name} lists its arguments`,
      );
      assert.deepEqual([...required].sort(), requiredOf(args).sort(), `${name} says what it requires`);
      for (const [argument, { default: usual }] of Object.entries(args)) {
        if (usual === undefined) continue;
        const schema: { default?: unknown } = Object(Object.entries(properties).find(([key]) => key === argument)?.[1]);
        assert.equal(schema.default, usual, `${name} ${argument}`);
      }
    }
  });

  overMcp('arguments.bounds', async ({ fails }) => {
    for (const [name, { args }] of entries) {
      for (const [argument, rules] of Object.entries(args)) {
        for (const value of refusedOf(rules)) {
          const { code, message } = await fails(name, { ...validFor(args), [argument]: value });
          const about = `${name} ${argument} ${String(value).slice(0, 20)}: ${message}`;
          assert.equal(code, 'VALIDATION_ERROR', about);
          assert.match(message, new RegExp(argument), about);
        }
      }
    }
  });

  overMcp('arguments.strict', async ({ fails }) => {
    for (const [name, { args }] of entries) {
      const unknown = await fails(name, { ...validFor(args), colour: 'red' });
      assert.equal(unknown.code, 'VALIDATION_ERROR', name);
      assert.match(unknown.message, /colour/, name);
      for (const [argument, { isHidden }] of Object.entries(args))
        if (isHidden !== true) assert.match(`${unknown.message} ${unknown.hint}`, new RegExp(argument), name);
      for (const argument of requiredOf(args)) {
        const { [argument]: _left, ...others } = validFor(args);
        assert.equal((await fails(name, others)).message, `required argument "${argument}" not found`, name);
      }
    }
  });
}
