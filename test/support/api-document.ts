import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';

const schemaNode = z.looseObject({});
const parameter = z.looseObject({
  name: z.string(),
  in: z.string(),
  required: z.boolean().optional(),
  schema: schemaNode.optional(),
});
const operationForm = z.looseObject({
  operationId: z.string().optional(),
  parameters: z.array(parameter).optional(),
  requestBody: z.looseObject({ required: z.boolean().optional() }).optional(),
  responses: z.record(z.string(), schemaNode),
});
const documentForm = z.looseObject({
  basePath: z.string().optional(),
  paths: z.record(z.string(), z.record(z.string(), operationForm)),
});

type Parameter = z.output<typeof parameter>;
type Operation = z.output<typeof operationForm>;

export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  /** Parsed JSON, undefined for none. */
  readonly body: unknown;
}

/** One operation of the document that a request asks for. */
export interface Matched {
  /** As the document has it: `/v1/users/{user}`. */
  readonly path: string;
  readonly method: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The API document of a service (OpenAPI 3.1 or Swagger 2.0), to which requests and answers are held. */
export class ApiDocument {
  readonly #paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  /** For what travels as text. */
  readonly #coercing = new Ajv2020({ strict: false, validateFormats: false, coerceTypes: true });
  readonly #document: unknown;
  readonly #ofTexts = new Map<string, ValidateFunction>();
  readonly #ofBodies = new Map<string, ValidateFunction>();

  private constructor(document: unknown) {
    this.#document = document;
    this.#paths = documentForm.parse(document).paths;
    const schema = schemaNode.parse(document);
    this.#ajv.addSchema(schema, 'api');
    this.#coercing.addSchema(schema, 'api');
  }

  static readonly #read = new Map<string, Promise<ApiDocument>>();

  /** A file of `api/`. Its schemas are compiled once in a process. */
  static read(name: string): Promise<ApiDocument> {
    const path = join(import.meta.dirname, '..', '..', 'api', name);
    const known = ApiDocument.#read.get(name);
    const read = known ?? readFile(path, 'utf8').then(text => new ApiDocument(JSON.parse(text)));
    ApiDocument.#read.set(name, read);
    return read;
  }

  match(method: string, pathname: string): Matched | undefined {
    const asked = pathname.split('/');
    const found = Object.keys(this.#paths)
      .map(path => ({ path, parameters: parametersOf(path.split('/'), asked) }))
      .filter(({ path, parameters }) => parameters !== undefined && this.#paths[path]?.[method.toLowerCase()])
      // A path that is written out wins over one with a variable part.
      .sort((a, b) => Object.keys(a.parameters ?? {}).length - Object.keys(b.parameters ?? {}).length)[0];
    return found?.parameters && { path: found.path, method: method.toLowerCase(), parameters: found.parameters };
  }

  /** What a request has that the document does not permit, a line each. */
  requestProblems(matched: Matched, { url, body }: ApiRequest): string[] {
    const operation = this.#operation(matched);
    const where = ['paths', matched.path, matched.method];
    const parameters = operation.parameters ?? [];
    const known = new Set(parameters.filter(each => each.in === 'query').map(each => each.name));
    const unknown = [...url.searchParams.keys()].filter(name => !known.has(name));
    const problems = unknown.map(name => `query ${name} is unknown`);
    for (const [at, each] of parameters.entries()) {
      if (each.in === 'body') {
        problems.push(...this.#bodyProblems([...where, 'parameters', String(at), 'schema'], body, each.required));
      } else if (each.in === 'path' || each.in === 'query') {
        const value = each.in === 'path' ? matched.parameters[each.name] : url.searchParams.get(each.name);
        if (value !== null && value !== undefined) problems.push(...this.#textProblems(each, value));
        else if (each.required) problems.push(`${each.in} ${each.name} is missing`);
      }
    }
    if (operation.requestBody) {
      const place = [...where, 'requestBody', 'content', 'application/json', 'schema'];
      problems.push(...this.#bodyProblems(place, body, operation.requestBody.required));
    }
    return problems.map(problem => `${matched.method.toUpperCase()} ${url.pathname}: ${problem}`);
  }

  /** What an answer has that the document does not permit. */
  answerProblems(matched: Matched, { status, body }: { status: number; body: unknown }): string[] {
    const response = this.#operation(matched).responses[String(status)];
    const told = `${matched.method.toUpperCase()} ${matched.path} answered ${status}`;
    if (!response) return [`${told}, which is not described`];
    const inner = 'content' in response ? ['content', 'application/json', 'schema'] : ['schema'];
    const place = ['paths', matched.path, matched.method, 'responses', String(status), ...inner];
    if (valueAt(this.#document, place) === undefined) return body === undefined ? [] : [`${told} with a body`];
    return this.#problems(place, body).map(problem => `${told}: ${problem}`);
  }

  #operation({ path, method }: Matched): Operation {
    const operation = this.#paths[path]?.[method];
    if (!operation) throw new Error(`${method} ${path} is not in the document`);
    return operation;
  }

  #bodyProblems(place: string[], body: unknown, isRequired = false): string[] {
    if (body === undefined) return isRequired ? ['the body is missing'] : [];
    const read = schemaNode.safeParse(body);
    const known = this.#propertiesAt(place);
    const unknown = read.success && known ? Object.keys(read.data).filter(name => !known.has(name)) : [];
    return [...unknown.map(name => `body ${name} is unknown`), ...this.#problems(place, body)];
  }

  /** The names that a described object may have; undefined where that is open. */
  #propertiesAt(place: readonly string[]): Set<string> | undefined {
    const node = schemaNode.safeParse(valueAt(this.#document, place));
    if (!node.success) return undefined;
    if (typeof node.data.$ref === 'string') return this.#propertiesAt(node.data.$ref.replace('#/', '').split('/'));
    const properties = schemaNode.safeParse(node.data.properties);
    return properties.success && !node.data.additionalProperties ? new Set(Object.keys(properties.data)) : undefined;
  }

  /** Swagger 2.0 describes a parameter in itself, OpenAPI in its `schema`. */
  #textProblems({ name, in: _, required: __, schema, ...described }: Parameter, value: string): string[] {
    const key = JSON.stringify(schema ?? described);
    const known = this.#ofTexts.get(key);
    const member = JSON.parse(key.replaceAll('"#/', '"api#/'));
    const validate = known ?? this.#coercing.compile({ type: 'object', properties: { value: member } });
    this.#ofTexts.set(key, validate);
    return validate({ value }) ? [] : [`${name}=${value}: ${validate.errors?.[0]?.message}`];
  }

  #problems(place: string[], value: unknown): string[] {
    const $ref = `api#/${place.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const known = this.#ofBodies.get($ref);
    const validate = known ?? this.#ajv.compile({ $ref });
    this.#ofBodies.set($ref, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(error => `${error.instancePath || 'body'} ${error.message}`);
  }
}

function parametersOf(parts: readonly string[], asked: readonly string[]): Record<string, string> | undefined {
  if (parts.length !== asked.length) return undefined;
  const found: Record<string, string> = {};
  for (const [at, part] of parts.entries()) {
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    const value = asked[at] ?? '';
    if (name !== undefined && value !== '') found[name] = decodeURIComponent(value);
    else if (part !== value) return undefined;
  }
  return found;
}

function valueAt(root: unknown, place: readonly string[]): unknown {
  return place.reduce<unknown>((node, part) => {
    if (Array.isArray(node)) return node[Number(part)];
    const read = schemaNode.safeParse(node);
    return read.success ? read.data[part] : undefined;
  }, root);
}
