import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { jsonFormat } from './json-format.ts';

interface Style {
  newline: string;
  unit: string;
  isSpread: boolean;
  hasTrailingComma: boolean;
  hasComments: boolean;
}

const styles = fc.record<Style>({
  newline: fc.constantFrom('\n', '\r\n'),
  unit: fc.constantFrom('  ', '\t', '    '),
  isSpread: fc.boolean(),
  hasTrailingComma: fc.boolean(),
  hasComments: fc.boolean(),
});

const keys = fc.constantFrom('a', 'b', 'mcpServers', 'boxswain', 'a "quoted" one', 'ünï', '// no comment', '');
const values = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(null, true, 0, -1.5e3, '', 'a, b', '}', '/* no */', '"', 'back\\slash'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const objects = fc.dictionary(keys, values, { maxKeys: 4 });

/** A text that says this, with what people put between. */
function textOf(value: unknown, style: Style, depth = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const members = isList
    ? value.map(item => textOf(item, style, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${textOf(item, style, depth + 1)}`);
  const comment = (text: string) => (style.hasComments ? ` /* ${text} */` : '');
  if (members.length === 0) return `${open}${comment('empty')}${close}`;
  const last = style.hasTrailingComma ? ',' : '';
  if (!style.isSpread) return `${open} ${members.join(`,${comment('next')} `)}${last} ${close}`;
  const indent = style.newline + style.unit.repeat(depth + 1);
  const aside = style.hasComments ? ` // beside, not "a": {` : '';
  const above = style.hasComments ? `${indent}// above` : '';
  const lines = members.map(
    (member, at) => `${above}${indent}${member}${at < members.length - 1 ? ',' : last}${aside}`,
  );
  return `${open}${lines.join('')}${style.newline}${style.unit.repeat(depth)}${close}`;
}

const commentsOf = (text: string): string[] =>
  text.match(/\/\/ (?:beside|above)[^\r\n]*|\/\* (?:empty|next) \*\//g) ?? [];

test('any member set and removed again leaves every other one, their order and all comments', () => {
  fc.assert(
    fc.property(
      objects,
      styles,
      fc.array(keys, { minLength: 1, maxLength: 3 }),
      values,
      (document, style, path, value) => {
        const text = `${style.hasComments ? `// first${style.newline}` : ''}${textOf(document, style)}${style.newline}`;
        let changed: string;
        try {
          changed = jsonFormat.set(text, path, value);
        } catch (error) {
          // Something else than an object stands on the way.
          assert.match(String(error), /holds something else/);
          return;
        }
        const expected = structuredClone(document);
        let at: Record<string, unknown> = expected;
        for (const key of path.slice(0, -1)) {
          const next = Object.hasOwn(at, key) ? at[key] : {};
          assert.ok(typeof next === 'object' && next !== null);
          const child = Object.fromEntries(Object.entries(next));
          at[key] = child;
          at = child;
        }
        at[path.at(-1) ?? ''] = value;
        assert.deepEqual(JSON.parse(JSON.stringify(parse(changed))), JSON.parse(JSON.stringify(expected)));
        const wasThere =
          path.reduce<unknown>(
            (found, key) => (isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined),
            document,
          ) !== undefined;
        if (!wasThere) assert.deepEqual(commentsOf(changed), commentsOf(text));
        assert.equal(jsonFormat.set(changed, path, value), changed);
        const removed = jsonFormat.remove(changed, path);
        assert.equal(JSON.stringify(parse(removed)).includes('undefined'), false);
        if (!wasThere) assert.deepEqual(commentsOf(removed), commentsOf(text));
      },
    ),
    { numRuns: 400 },
  );
});

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

test('what an entry is set apart by is what the file has: tabs, line ends, one line', () => {
  const set = (text: string) => jsonFormat.set(text, ['s', 'x'], { a: [1] });
  assert.equal(set('{"s":{"y":1}}'), '{"s":{"y":1,"x":{"a":[1]}}}');
  assert.equal(set('{ "s": { "y": 1 } }'), '{ "s": { "y": 1, "x": {"a":[1]} } }');
  assert.equal(
    set('{\r\n\t"s": {\r\n\t\t"y": 1, // why\r\n\t},\r\n}'),
    '{\r\n\t"s": {\r\n\t\t"y": 1, // why\r\n\t\t"x": {\r\n\t\t\t"a": [\r\n\t\t\t\t1\r\n\t\t\t]\r\n\t\t},\r\n\t},\r\n}',
  );
  assert.equal(set('{\n  "s": {\n    "y": 1 // why\n  }\n}').split('\n')[2], '    "y": 1, // why');
  assert.equal(set('\uFEFF{}').charCodeAt(0), 0xfeff);
  assert.equal(set('// only a comment\n').startsWith('// only a comment\n{'), true);
});
