import type { IncomingMessage, ServerResponse } from 'node:http';
import { Provider } from 'oidc-provider';
import type { AuthServerConfig } from '../../config/auth-server.ts';
import type { Log } from '../../log/log.ts';
import type { Store } from '../../store/store.ts';
import { resourceAt } from '../resource.ts';
import type { TokenSource } from '../verdict.ts';
import { accessTokens } from './access-tokens.ts';
import type { Revocation } from './adapter.ts';
import type { FetchGuards } from './fetch-document.ts';
import { Interactions } from './interactions.ts';
import { issuerAt } from './issuer.ts';
import { openKeys } from './keys.ts';
import { Limiter } from './limiter.ts';
import { errorPage, sendPage } from './pages.ts';
import { INTERACTION, ROUTES, settingsOf } from './settings.ts';
import { callerOfUser, type SignInAudit, signInEntry } from './sign-in-audit.ts';
import { createUsers } from './users.ts';

const WELL_KNOWN = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
const REGISTRATIONS_PER_MINUTE = 30;
/** Each is kept for ten minutes, whoever it was that asked. */
const REQUESTS_PER_MINUTE = 600;

export interface AuthServerOptions {
  readonly config: AuthServerConfig;
  /** `http.public_url`: what clients know this server by; never what a request says. */
  readonly publicUrl: string | undefined;
  readonly store: Pick<Store, 'signIn'>;
  readonly log: Log;
  readonly audit: SignInAudit;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly guards?: FetchGuards;
}

/** The built-in authorization server, as the HTTP server mounts it. */
export interface AuthServer {
  readonly issuer: string;
  /** Judges its tokens, in this process. */
  readonly source: TokenSource;
  /** Whether a path is one of its own. */
  owns(path: string): boolean;
  /** Answers a request whose Host and Origin were checked. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Calls back when tokens were revoked at this hub, with their grant where it is known. */
  onRevoked(listener: (grantId: string | undefined) => void): void;
}

/** Opens it. Throws AppError VALIDATION_ERROR where the configuration names no address that clients can trust. */
export async function openAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { config, store, log, audit, guards, now } = options;
  const issuer = issuerAt(options.publicUrl);
  const resource = resourceAt(issuer);
  const keys = await openKeys(store);
  const listeners = new Set<(grantId: string | undefined) => void>();
  const revoked = ({ grantId, account, clientId, isReplay }: Revocation) => {
    for (const listener of listeners) listener(grantId);
    const details = { client_id: clientId ?? null, reason: isReplay ? 'replayed' : 'asked' };
    audit.note(signInEntry('grant_revoke', { caller: callerOfUser(account), grantId, details }));
  };
  const provider = new Provider(issuer, settingsOf({ store, keys, config, issuer, resource, guards, revoked }));
  provider.on('grant.success', ({ oidc }) => {
    const { Grant, RefreshToken, AuthorizationCode } = oidc.entities;
    const shown = RefreshToken ?? AuthorizationCode;
    const details = {
      client_id: oidc.client?.clientId ?? null,
      grant_type: String(oidc.params?.grant_type),
      scopes: [...new Set(String(shown?.scope ?? '').split(' '))].filter(scope => scope !== ''),
    };
    audit.note(signInEntry('token_issue', { caller: callerOfUser(Grant?.accountId), grantId: Grant?.jti, details }));
  });
  fixAddress(provider, issuer);
  provider.on('server_error', (_context, error: Error) => log.error({ error }, 'the authorization server failed'));
  // Else Koa writes to the console as well.
  provider.silent = true;
  const users = createUsers(store, { audit });
  const interactions = new Interactions({ provider, users, store, issuer, log, audit });
  const registrations = new Limiter(REGISTRATIONS_PER_MINUTE);
  const requests = new Limiter(REQUESTS_PER_MINUTE);
  const answer = provider.callback();
  const mount = new URL(issuer).pathname.replace(/\/$/, '');
  // Of an issuer with a path, clients ask for the metadata at either end of it.
  const metadata = new Map(
    WELL_KNOWN.flatMap(path => [`${path}${mount}`, `${mount}${path}`, path].map(at => [at, path] as const)),
  );
  const innerOf = (path: string): string | undefined => {
    const found = metadata.get(path);
    if (found !== undefined) return found;
    const inner = mount !== '' && path.startsWith(`${mount}/`) ? path.slice(mount.length) : path;
    return inner.startsWith('/oauth/') ? inner : undefined;
  };

  return {
    issuer,
    source: accessTokens({ store, keys, issuer, resource, now }),
    owns: path => innerOf(path) !== undefined,
    onRevoked: listener => listeners.add(listener),
    handle(request, response) {
      const url = request.url ?? '/';
      const path = url.split('?', 1)[0] ?? '/';
      const inner = innerOf(path) ?? path;
      const query = url.slice(path.length);
      request.url = `${inner}${inner === ROUTES.authorization ? withScope(query) : query}`;
      // Where the library reads what it is mounted under.
      Object.assign(request, { originalUrl: `${mount}${request.url}` });
      if (inner === ROUTES.registration && request.method === 'POST' && !registrations.take()) {
        return sendJson(response, { error: 'temporarily_unavailable', error_description: 'too many registrations' });
      }
      if (inner === ROUTES.authorization && !requests.take()) {
        return sendPage(response, errorPage('Too many people are signing in at this moment.'), { status: 429 });
      }
      const answered = inner.startsWith(`${INTERACTION}/`)
        ? interactions.handle(request, response, inner)
        : answer(request, response);
      void answered.catch((error: unknown) => {
        log.error({ error }, 'the authorization server failed');
        if (!response.headersSent)
          sendPage(response, errorPage('Something went wrong here. Try again later.'), { status: 500 });
        else response.destroy();
      });
    },
  };
}

/** Whatever a proxy in front says, or does not say: the address is the configured one. */
function fixAddress({ request }: Provider, issuer: string): void {
  const { protocol, host } = new URL(issuer);
  Object.defineProperty(request, 'protocol', { get: () => protocol.slice(0, -1) });
  Object.defineProperty(request, 'host', { get: () => host });
}

/** The query of a request to sign in; who names no scope asks for all tools, as far as its user may use them. */
function withScope(query: string): string {
  const hasScope = new URLSearchParams(query.slice(1)).has('scope');
  return hasScope ? query : `${query === '' ? '?' : `${query}&`}scope=mcp%3Atools`;
}

function sendJson(response: ServerResponse, body: Record<string, string>): void {
  const headers = { 'content-type': 'application/json', 'retry-after': '60', connection: 'close' };
  response.writeHead(429, headers).end(JSON.stringify(body));
}
