import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typesOf } from '../../scripts/api-types/types-of.ts';

const written = (document: unknown) =>
  typesOf(document, { name: 'Api', source: 'x.json' }).split('\n').slice(2, -2).join('\n');

test('schemas of OpenAPI 3.1 become members of one interface, in the order of their names', () => {
  const schemas = {
    Run: {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'integer' },
        status: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        'web-url': { type: ['string', 'null'] },
        source: { $ref: '#/components/schemas/Kind' },
        tags: { type: 'array', items: { $ref: '#/components/schemas/Kind' } },
        metadata: { type: 'object', additionalProperties: true },
        anything: {},
      },
    },
    Kind: { type: 'string', enum: ['A', "B's"] },
  };
  assert.equal(
    written({ openapi: '3.1.0', components: { schemas } }),
    [
      `  Kind: 'A' | 'B\\'s';`,
      `  Run: {`,
      `    id: number;`,
      `    status?: string | null;`,
      `    'web-url'?: string | null;`,
      `    source?: Api['Kind'];`,
      `    tags?: (Api['Kind'])[];`,
      `    metadata?: Record<string, unknown>;`,
      `    anything?: unknown;`,
      `  };`,
    ].join('\n'),
  );
});

test('definitions of Swagger 2.0 become the same', () => {
  const definitions = {
    'sdk.Both': {
      allOf: [{ $ref: '#/definitions/sdk.One' }, { type: 'object', properties: { b: { type: 'boolean' } } }],
    },
    'sdk.One': { type: 'object', additionalProperties: { type: 'string' } },
  };
  assert.equal(
    written({ swagger: '2.0', definitions }),
    [`  'sdk.Both': Api['sdk.One'] & {`, `    b?: boolean;`, `  };`, `  'sdk.One': Record<string, string>;`].join('\n'),
  );
});

test('a document of another kind, or with a type that is not known, is refused', () => {
  assert.throws(() => written({ asyncapi: '3.0.0' }));
  assert.throws(() => written({ swagger: '2.0', definitions: { A: { type: 'date' } } }), /the type date is not known/);
});
