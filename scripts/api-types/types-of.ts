import { z } from 'zod';

interface Schema {
  $ref?: string | undefined;
  type?: string | string[] | undefined;
  enum?: unknown[] | undefined;
  anyOf?: Schema[] | undefined;
  oneOf?: Schema[] | undefined;
  allOf?: Schema[] | undefined;
  items?: Schema | undefined;
  properties?: Record<string, Schema> | undefined;
  required?: string[] | undefined;
  additionalProperties?: boolean | Schema | undefined;
}

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(schema).optional(),
    oneOf: z.array(schema).optional(),
    allOf: z.array(schema).optional(),
    items: schema.optional(),
    properties: z.record(z.string(), schema).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), schema]).optional(),
  }),
);

const schemas = z.record(z.string(), schema);
const swagger = z.looseObject({ swagger: z.literal('2.0'), definitions: schemas });
const openApi = z.looseObject({ openapi: z.string().startsWith('3.'), components: z.looseObject({ schemas }) });

/** A module with one interface, whose members are the schemas of an API document, by their names there. */
export function typesOf(document: unknown, { name, source }: { name: string; source: string }): string {
  const writer = new Writer(name);
  const members = Object.entries(schemasOf(document))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `  ${property(key)}: ${writer.typeOf(value, '  ')};`);
  return [
    `/** Written by npm run api:types from ${source}: what the API asks for and answers. */`,
    `export interface ${name} {`,
    ...members,
    '}',
    '',
  ].join('\n');
}

/** Swagger 2.0 keeps them in `definitions`, OpenAPI 3 in `components`; of what is used here they mean the same. */
function schemasOf(document: unknown): Record<string, Schema> {
  const older = swagger.safeParse(document);
  return older.success ? older.data.definitions : openApi.parse(document).components.schemas;
}

class Writer {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  typeOf(of: Schema, indent: string): string {
    if (of.$ref !== undefined) return `${this.#name}[${quoted(of.$ref.split('/').at(-1) ?? '')}]`;
    if (of.enum)
      return union(of.enum.map(value => (typeof value === 'string' ? quoted(value) : JSON.stringify(value))));
    const alternatives = of.anyOf ?? of.oneOf;
    if (alternatives) return union(alternatives.map(each => this.typeOf(each, indent)));
    if (of.allOf) return of.allOf.map(each => this.typeOf(each, indent)).join(' & ');
    if (Array.isArray(of.type)) return union(of.type.map(type => this.typeOf({ ...of, type }, indent)));
    if (of.type === 'array') return `(${this.typeOf(of.items ?? {}, indent)})[]`;
    if (of.type === 'object' || of.properties) return this.#objectOf(of, indent);
    if (of.type === 'integer' || of.type === 'number') return 'number';
    if (of.type === 'string' || of.type === 'boolean' || of.type === 'null') return of.type;
    if (of.type === 'file') return 'Blob';
    if (of.type !== undefined) throw new Error(`the type ${of.type} is not known`);
    return 'unknown';
  }

  #objectOf({ properties, required = [], additionalProperties }: Schema, indent: string): string {
    const inner = `${indent}  `;
    const members = Object.entries(properties ?? {}).map(
      ([key, value]) => `${inner}${property(key)}${required.includes(key) ? '' : '?'}: ${this.typeOf(value, inner)};\n`,
    );
    if (members.length > 0) return `{\n${members.join('')}${indent}}`;
    const values = typeof additionalProperties === 'object' ? this.typeOf(additionalProperties, indent) : 'unknown';
    return `Record<string, ${values}>`;
  }
}

const union = (types: string[]): string => [...new Set(types)].join(' | ');
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const property = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name));
