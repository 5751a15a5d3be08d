import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Provider, { errors } from 'oidc-provider';
import { knownScopes } from '../../src/auth/caller.ts';
import { scratchDirectory } from './server.ts';

/** A certified authorization server of its own, as a company would run one: anybody signs in as `alice`, by two buttons. */
export interface AuthorizationServer extends AsyncDisposable {
  readonly url: string;
  /** The entry of `auth.issuers` of a server that accepts its tokens. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** What tokens are given for. */
  resource: string;
  /** The scopes that the user agrees to; undefined: all that are asked for. */
  agreed: readonly string[] | undefined;
  tokenFormat: 'opaque' | 'jwt';
  /** What clients have asked for, by path, as `POST /token`. */
  readonly asked: string[];
  /** Ends this access token alone, as its time would. */
  end(token: string): Promise<void>;
  /** Ends the token and all that came of the same consent, by the endpoint that clients have for it. */
  revoke(token: string, clientId: string): Promise<void>;
}

/** Starts it on loopback. Its own cookies, keys and clients are gone with it. */
export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const scratch = await scratchDirectory();
  const secret = randomBytes(24).toString('base64url');
  const secretFile = join(scratch.path, 'client-secret');
  await writeFile(secretFile, secret);
  await chmod(secretFile, 0o600);
  const asked: string[] = [];
  const settings: Pick<AuthorizationServer, 'resource' | 'agreed' | 'tokenFormat'> = {
    resource: '',
    agreed: undefined,
    tokenFormat: 'opaque',
  };
  let handle = (_request: IncomingMessage, response: ServerResponse): void => void response.writeHead(503).end();
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?', 1)[0]}`);
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
  const provider = new Provider(url, {
    clients: [
      {
        ...{ client_id: 'boxswain', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
        ...{ redirect_uris: [], response_types: [], grant_types: [] },
      },
    ],
    scopes: ['openid', 'offline_access', ...knownScopes],
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, indicator) => {
          if (indicator !== settings.resource) throw new errors.InvalidTarget();
          const format = { accessTokenFormat: settings.tokenFormat, accessTokenTTL: 3600 };
          return { scope: knownScopes.join(' '), audience: indicator, jwt: { sign: { alg: 'RS256' } }, ...format };
        },
      },
    },
  });
  const interact = interactions(provider, settings);
  const callback = provider.callback();
  handle = (request, response) => {
    const done = request.url?.startsWith('/interaction/') ? interact(request, response) : callback(request, response);
    void Promise.resolve(done).catch((error: unknown) => response.writeHead(500).end(String(error)));
  };
  return {
    ...{ url, asked },
    entry: { name: 'company', issuer: url, introspection: { client_id: 'boxswain', client_secret_file: secretFile } },
    get resource() {
      return settings.resource;
    },
    set resource(resource) {
      settings.resource = resource;
    },
    get agreed() {
      return settings.agreed;
    },
    set agreed(scopes) {
      settings.agreed = scopes;
    },
    get tokenFormat() {
      return settings.tokenFormat;
    },
    set tokenFormat(format) {
      settings.tokenFormat = format;
    },
    end: async token => void (await (await provider.AccessToken.find(token))?.destroy()),
    async revoke(token, clientId) {
      const body = new URLSearchParams({ token, client_id: clientId });
      const { status } = await fetch(`${url}/token/revocation`, { method: 'POST', body });
      if (status !== 200) throw new Error(`the token was not revoked: ${status}`);
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await scratch.remove();
    },
  };
}

/** Sign-in and consent: a page with one button for each, which does it. */
function interactions(provider: Provider, settings: Pick<AuthorizationServer, 'resource' | 'agreed'>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    const isLogin = prompt.name === 'login';
    if (request.method !== 'POST') {
      const button = isLogin ? 'Sign in as alice' : 'Allow';
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<!doctype html><title>Company</title><form method="post"><button>${button}</button></form>`);
      return;
    }
    request.resume();
    if (isLogin) return await provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
    const grant = new provider.Grant({ accountId: session?.accountId, clientId: String(params.client_id) });
    const wanted = String(params.scope ?? '').split(' ');
    const agreed = wanted.filter(scope => settings.agreed?.includes(scope) ?? true);
    grant.addOIDCScope(wanted.join(' '));
    grant.addResourceScope(settings.resource, agreed.join(' '));
    grant.rejectResourceScope(settings.resource, wanted.filter(scope => !agreed.includes(scope)).join(' '));
    const grantId = await grant.save();
    await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
  };
}
