import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { withItem, withMember, withoutItem, withoutMember } from './json-edit.ts';

const spread = '{\n    "a": {"x":1},\n    "list": [\n        1\n    ],\n    "z" : "}\\"]"\n}\n';

describe('a change in the text of a JSON file', () => {
  test('is set apart as what is there, and leaves every other byte', () => {
    assert.equal(
      withMember(spread, ['b'], { c: 1 }),
      spread.replace('}\\"]"\n', '}\\"]",\n    "b": {\n        "c": 1\n    }\n'),
    );
    assert.equal(withMember(spread, ['a', 'y'], [2]), spread.replace('"x":1', '"x":1,"y":[2]'));
    assert.equal(withItem(spread, ['list'], 2), spread.replace('1\n    ]', '1,\n        2\n    ]'));
    assert.equal(withMember('{}', ['a', 'b'], 1), '{\n  "a": {\n    "b": 1\n  }\n}');
    assert.equal(withMember('{\r\n\t"a": 1\r\n}', ['b'], [1]), '{\r\n\t"a": 1,\r\n\t"b": [\r\n\t\t1\r\n\t]\r\n}');
    assert.equal(withMember(spread, ['z'], 'w'), spread.replace('"}\\"]"', '"w"'));
  });

  test('is taken back without a trace where it was added to something', () => {
    for (const text of [spread, '{"a":1}', '{ "a": [ 1 ] }', '{"a":[1],"b":{"c":null}}']) {
      assert.equal(withoutMember(withMember(text, ['new', 'one'], { two: [3] }), ['new']), text);
    }
    assert.equal(withoutItem(withItem(spread, ['list'], { x: 1 }), ['list'], 1), spread);
    assert.equal(withoutMember(spread, ['nothing', 'there']), spread);
    assert.equal(withoutMember('{"a":1,"b":2}', ['a']), '{"b":2}');
    assert.equal(withoutMember('{ "a": 1 }', ['a']), '{}');
  });

  test('is the same as one of the value, whatever the value and however it is written', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 });
    const style = fc.constantFrom(undefined, 1, 2, 4, '\t');
    const key = fc.string().filter(name => name !== '__proto__');
    fc.assert(
      fc.property(object, style, key, fc.jsonValue({ maxDepth: 2 }), (value, indent, name, more) => {
        const plain = JSON.stringify(value, null, indent);
        const parsed: unknown = JSON.parse(plain);
        if (typeof parsed !== 'object' || parsed === null) assert.fail();
        const pairs = Object.entries(parsed);
        const set = withMember(plain, [name], more);
        const wanted = new Map([...pairs, [name, more]]);
        const normal = (one: unknown): unknown => JSON.parse(JSON.stringify(one));
        assert.deepEqual(
          new Map(Object.entries(JSON.parse(set))),
          new Map(Object.entries(normal(Object.fromEntries(wanted)) ?? {})),
        );
        const without = JSON.parse(withoutMember(set, [name]));
        assert.deepEqual(new Map(Object.entries(without)), new Map(pairs.filter(([one]) => one !== name)));
        if (!Object.hasOwn(parsed, name) && pairs.length > 0) assert.equal(withoutMember(set, [name]), plain);
      }),
      { numRuns: 300 },
    );
  });
});
