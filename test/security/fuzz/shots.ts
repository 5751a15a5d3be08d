import fc from 'fast-check';
import type { Field, PublicRoute } from './public-routes.ts';

/** How the body is told: `length` and `chunked` as one should, the others not. */
const FRAMINGS = ['length', 'chunked', 'none', 'short', 'long', 'both', 'bad-chunks', 'torn-chunks'] as const;
export type Framing = (typeof FRAMINGS)[number];

/** One request, byte for byte. */
export interface Shot {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly framing: Framing;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT'] as const;
const NASTY_TEXTS = [
  ...['', '\0', 'a\0b', '../../../../etc/passwd', '..\\..\\x', '/etc/shadow', '%2e%2e%2f', '%00', '__proto__'],
  ...['constructor', 'toString', 'hasOwnProperty', '\u202egnp.exe', '\u{1f6a3}', '\ud800', '\ufeff', '\u2028'],
  ...['\u001b[31mred', "' OR 1=1 --", '$(id)', '`id`', '{{7*7}}', '%s%n', '<script>', '(a+)+$', '*'.repeat(300)],
  ...['NaN', 'Infinity', '-1', '1e999', '9007199254740993', '0x10', 'true', 'null', '[]', '{}', 'x'.repeat(10_000)],
  ...['http://127.0.0.1:1/', 'file:///etc/passwd', 'javascript:alert(1)', 'https://[::1', 'scripted', 'claude'],
];
const NASTY_NUMBERS = [0, -0, -1, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 64, 5e-324];
const JSON_TYPES = ['application/json', 'application/json; charset=utf-8', 'application/vnd.x+json'];
const OTHER_TYPES = [
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/json; charset=utf-16'],
  ...['multipart/form-data; boundary=', 'multipart/form-data; boundary="b', ';', 'application/octet-stream', '/'],
];
const RPC_METHODS = ['initialize', 'ping', 'tools/list', 'tools/call', 'server/discover', 'tasks/get', 'tasks/cancel'];

/** A request to a route, of which nearly everything may be wrong. `handles` are ones that there are. */
export function shotAt(route: PublicRoute, handles: readonly string[]): fc.Arbitrary<Shot> {
  const text = fc.oneof(fc.constantFrom(...NASTY_TEXTS, ...handles), fc.string({ unit: 'binary', maxLength: 40 }));
  const value = fc.oneof(
    { weight: 4, arbitrary: text },
    { weight: 2, arbitrary: fc.constantFrom(...NASTY_NUMBERS, true, false, null) },
    { weight: 1, arbitrary: fc.array(text, { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  );
  const key = fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', 'toJSON', '') },
    { weight: 1, arbitrary: text },
  );
  const [required, others] = [true, false].map(isRequired =>
    route.fields.filter(field => field.isRequired === isRequired).map(field => argument(field, { value, handles })),
  );
  const strange = fc.array(fc.tuple(key, value), { maxLength: 2 });
  const pairs = fc
    .tuple(
      fc.oneof({ weight: 4, arbitrary: fc.tuple(...(required ?? [])) }, { weight: 1, arbitrary: fc.constant([]) }),
      others?.length ? fc.array(fc.oneof(...others), { maxLength: 3 }) : fc.constant([]),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: strange }),
    )
    .map(parts => parts.flat());
  return fc
    .record({
      method: fc.oneof(
        { weight: 6, arbitrary: fc.constant(route.method) },
        { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
      ),
      target: targetOf(route, { text, pairs, handles }),
      headers: headersWith(text),
      body: bodyOf(route, { text, pairs, handles }),
      framing: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom('length', 'chunked') },
        { weight: 1, arbitrary: fc.constantFrom(...FRAMINGS) },
      ),
    })
    .map(({ body: { type, bytes }, headers, ...shot }) => ({
      ...shot,
      headers: [...(type === undefined ? [] : [['content-type', type] as const]), ...headers],
      body: bytes,
    }));
}

/** An argument, mostly of the type that it should have. */
function argument(
  { name, type, options = [] }: Field,
  { value, handles }: { value: fc.Arbitrary<unknown>; handles: readonly string[] },
): fc.Arbitrary<[string, unknown]> {
  const fitting: Record<string, fc.Arbitrary<unknown>> = {
    string: fc.string({ unit: 'grapheme', maxLength: 30 }),
    integer: fc.integer({ min: 0, max: 20 }),
    number: fc.double({ min: 0, max: 20, noNaN: true }),
    boolean: fc.boolean(),
    array: fc.array(fc.string({ maxLength: 10 }), { maxLength: 3 }),
    object: fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 10 }), { maxKeys: 3 }),
  };
  const known = options.length > 0 ? fc.constantFrom(...options) : (fitting[type ?? ''] ?? value);
  const handled = name.endsWith('_id') && handles.length > 0 ? fc.constantFrom(...handles) : known;
  const any = fc.oneof({ weight: 5, arbitrary: handled }, { weight: 1, arbitrary: value });
  return fc.tuple(fc.constant(name), any);
}

interface Parts {
  readonly handles: readonly string[];
  readonly text: fc.Arbitrary<string>;
  readonly pairs: fc.Arbitrary<[string, unknown][]>;
}

/** What may stand in a target without ending it; what must not is sent too, encoded. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

const plainly = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function targetOf({ path }: PublicRoute, { text, pairs, handles }: Parts): fc.Arbitrary<string> {
  const segment = fc.oneof(
    { weight: 3, arbitrary: text.map(encoded) },
    { weight: 3, arbitrary: fc.constantFrom(...handles.map(encoded), 'x') },
    { weight: 1, arbitrary: fc.constantFrom('%', '%ff', '%c0%ae', '..', '.', '%2e%2e%2f', ':id', '*', '%u0041', 'ÿ') },
  );
  const end = fc.constantFrom(...Array<string>(20).fill(''), '/', '//', ';x=y', '/../x', '%00', '#x', '/.', '\\');
  const query = fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    {
      weight: 2,
      arbitrary: pairs.map(all => `?${all.map(([key, one]) => `${encoded(key)}=${encoded(plainly(one))}`).join('&')}`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('?', '??', '?%', '?a=%ff&a', '?&&=&', `?${'a&'.repeat(2_000)}`, '?access_token=x'),
    },
  );
  return fc.tuple(fc.array(segment, { minLength: 3, maxLength: 3 }), end, query).map(([segments, last, asked]) => {
    let at = 0;
    return `${path.replaceAll(/:\w+/g, () => segments[at++] ?? 'x')}${last}${asked}`;
  });
}

/** Headers hold Latin-1 without line ends; those that they hold are as wrong as the rest. */
function headersWith(text: fc.Arbitrary<string>): fc.Arbitrary<[string, string][]> {
  const names = [
    ...['accept', 'last-event-id', 'range', 'if-none-match', 'if-range', 'cookie', 'traceparent', 'x-request-id'],
    ...['mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-session-id', 'x-mcp-toolsets', 'x-mcp-readonly'],
    ...['content-encoding', 'upgrade', 'accept-encoding', 'x-boxswain-offer', 'x-http-method-override'],
  ];
  const values = [
    ...['application/json, text/event-stream', 'text/html', '*/*;q=0', 'bytes=0-', 'bytes=5-1,-', '*', '0', '-1'],
    ...['2026-07-28', '2025-11-25', 'tools/call', 'echo', 'true', 'gzip', 'websocket', 'sandbox'],
    ...['00-00000000000000000000000000000000-0000000000000000-00', '=?base64?@@?=', 'boxswain_session=x; =; a'],
  ];
  const plain = text.map(one => one.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?').slice(0, 500));
  return fc.array(fc.tuple(fc.constantFrom(...names), fc.oneof(fc.constantFrom(...values), plain)), { maxLength: 4 });
}

interface TypedBody {
  readonly type: string | undefined;
  readonly bytes: Buffer;
}

function bodyOf({ path }: PublicRoute, { text, pairs }: Parts): fc.Arbitrary<TypedBody> {
  // Not a spread: `__proto__` is to be a key like any other.
  const args = pairs.map(all => Object.fromEntries(all));
  const message = fc.record({
    jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '1.0'),
    id: fc.oneof(fc.integer(), text, fc.constantFrom(null, {}, 1.5)),
    method: fc.oneof(fc.constantFrom(...RPC_METHODS), text),
    params: fc.record({ name: fc.oneof(fc.constantFrom('echo', 'workspace_list', 'fs_read'), text), arguments: args }),
  });
  const command = fc.record({ command: fc.constantFrom('list', 'new', 'config', 'logs', 'nope'), args });
  const json = path.startsWith('/mcp') ? fc.oneof(message, fc.array(message, { maxLength: 3 }), command, args) : args;
  const typed = (bytes: fc.Arbitrary<Buffer>, types: readonly (string | undefined)[]): fc.Arbitrary<TypedBody> =>
    fc.record({ type: fc.constantFrom(...types), bytes });
  const anyType = [...JSON_TYPES, ...OTHER_TYPES, undefined];
  const form = pairs.map(all =>
    Buffer.from(new URLSearchParams(all.map(([key, one]): [string, string] => [key, plainly(one)])).toString()),
  );
  return fc.oneof(
    {
      weight: 8,
      arbitrary: typed(
        json.map(one => Buffer.from(JSON.stringify(one))),
        JSON_TYPES,
      ),
    },
    {
      weight: 2,
      arbitrary: typed(
        json.map(one => Buffer.from(JSON.stringify(one).slice(0, -2))),
        JSON_TYPES,
      ),
    },
    {
      weight: 2,
      arbitrary: typed(
        fc.jsonValue().map(one => Buffer.from(JSON.stringify(one))),
        anyType,
      ),
    },
    { weight: 2, arbitrary: typed(form, ['application/x-www-form-urlencoded']) },
    { weight: 2, arbitrary: multipart(text) },
    {
      weight: 1,
      arbitrary: typed(
        fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
        anyType,
      ),
    },
    {
      weight: 1,
      arbitrary: typed(
        fc.constantFrom('['.repeat(10_000), '\ufeff{}', '{"a":'.repeat(300), '').map(one => Buffer.from(one)),
        anyType,
      ),
    },
  );
}

/** A form with a file, of which some ends early. */
function multipart(text: fc.Arbitrary<string>): fc.Arbitrary<TypedBody> {
  return fc.tuple(text, text, fc.double({ min: 0, max: 1.5, noNaN: true })).map(([name, content, share]) => {
    const head = `--b\r\ncontent-disposition: form-data; name="file"; filename="${name.slice(0, 300)}"\r\n\r\n`;
    const whole = Buffer.from(`${head}${content}\r\n--b--\r\n`);
    return { type: 'multipart/form-data; boundary=b', bytes: whole.subarray(0, Math.ceil(whole.length * share)) };
  });
}
