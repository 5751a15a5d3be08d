import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { INTERACTION, ROUTES } from '../../../src/auth/server/settings.ts';
import { BLOBS_PATH } from '../../../src/blobs/wire.ts';
import { createApi } from '../../../src/http/api.ts';
import { OPERATIONS_PATH } from '../../../src/http/operation-handler.ts';
import { HOOKS_PATH } from '../../../src/http/routes/hooks.ts';
import { silentLog } from '../../../src/log/log.ts';
import type { Operation } from '../../../src/operations/operation.ts';
import { allOperations, operatorOperations } from '../../../src/operations/registry.ts';
import { standInHub } from '../../mcp/stand-in-hub.ts';

/** Something that can be asked for; `:name` in the path stands for anything. */
export interface PublicRoute {
  readonly method: string;
  readonly path: string;
  /** What a body or query for it may hold, where that is known. */
  readonly fields: readonly Field[];
}

/** An argument, as far as JSON Schema tells of it. */
export interface Field {
  readonly name: string;
  readonly type?: string;
  readonly options?: readonly unknown[];
  readonly isRequired: boolean;
}

const served = [...allOperations, ...operatorOperations];
const objectSchema = z.object({
  properties: z.record(
    z.string(),
    z.looseObject({ type: z.unknown().optional(), enum: z.array(z.unknown()).optional() }),
  ),
  required: z.array(z.string()).default([]),
});

function fieldsOf({ input }: Operation): Field[] {
  const { properties, required } = objectSchema.parse(z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }));
  return Object.entries(properties).map(([name, { type, enum: options }]) => ({
    name,
    type: typeof type === 'string' ? type : undefined,
    options,
    isRequired: required.includes(name),
  }));
}

const named = (names: readonly string[]): Field[] => names.map(name => ({ name, isRequired: false }));
const everyField = [...new Map(served.flatMap(fieldsOf).map(field => [field.name, field])).values()].map(field => ({
  ...field,
  isRequired: false,
}));
const OAUTH_FIELDS = named([
  ...['client_id', 'client_secret', 'redirect_uri', 'redirect_uris', 'response_type', 'grant_type', 'grant_types'],
  ...['code', 'code_verifier', 'code_challenge', 'code_challenge_method', 'scope', 'state', 'resource', 'token'],
  ...['refresh_token', 'prompt', 'request', 'request_uri', 'id_token_hint', 'name', 'password', 'client_name'],
]);

const several = (methods: readonly string[], path: string, fields = everyField): PublicRoute[] =>
  methods.map(method => ({ method, path, fields }));

/**
 * Every route of the server: those of the router as they are in it, each operation under its name, and what is answered before
 * the router. That the last are all here is held against docs/http.md.
 */
export function publicRoutes(): PublicRoute[] {
  const parts = { hub: standInHub(), log: silentLog, operations: allOperations, maxBodyBytes: 1_000 };
  const api = createApi({ ...parts, closing: new AbortController().signal });
  const routed = api.routes.filter(({ method }) => method !== 'ALL');
  return [
    ...routed.map(({ method, path }) => ({ method, path, fields: everyField })),
    ...served.map(operation => ({
      method: 'POST',
      path: `/api/operations/${operation.name}`,
      fields: fieldsOf(operation),
    })),
    ...several(['GET', 'POST', 'DELETE'], `${OPERATIONS_PATH}:name`),
    ...['/mcp', '/mcp/x/:toolset'].flatMap(path => several(['GET', 'POST', 'POST', 'POST', 'DELETE'], path)),
    ...several(['POST', 'GET'], HOOKS_PATH, named(['session_id', 'hook_event_name', 'cwd', 'tool_input'])),
    ...several(['GET', 'HEAD', 'PUT'], `${BLOBS_PATH}:sha256`),
    ...Object.values(ROUTES).flatMap(path => several(['GET', 'POST', 'OPTIONS'], path, OAUTH_FIELDS)),
    ...several(['GET'], `${ROUTES.authorization}/:uid`, OAUTH_FIELDS),
    ...several(['GET'], `${INTERACTION}/:uid`, OAUTH_FIELDS),
    ...several(['POST'], `${INTERACTION}/:uid/login`, OAUTH_FIELDS),
    ...several(['POST'], `${INTERACTION}/:uid/consent`, OAUTH_FIELDS),
    ...[
      'oauth-authorization-server',
      'openid-configuration',
      'oauth-protected-resource',
      'oauth-protected-resource/mcp',
    ]
      .map(name => `/.well-known/${name}`)
      .flatMap(path => several(['GET', 'OPTIONS'], path)),
  ];
}

/** The paths in the table of docs/http.md; one that begins with an ellipsis is the end of a path. */
export async function documentedPaths(): Promise<string[]> {
  const text = await readFile(new URL('../../../docs/http.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter(line => line.startsWith('| `'));
  const words = rows.flatMap(row =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(match => match[1] ?? ''),
  );
  return words.flatMap(word => /(?:^|\s)([/…]\S*)$/.exec(word)?.[1] ?? []).map(path => path.replace(/\?.*$/, ''));
}

/** Whether a documented path is one of these. */
export function isAmong(documented: string, routes: readonly PublicRoute[]): boolean {
  const plain = documented.replaceAll(/\{\w+\}/g, ':x');
  const paths = routes.map(({ path }) => path.replaceAll(/:\w+/g, ':x'));
  if (plain.startsWith('…')) return paths.some(path => path.endsWith(plain.slice(1)));
  if (plain.endsWith('/…')) return paths.some(path => path.startsWith(plain.slice(0, -1)));
  return paths.includes(plain);
}
