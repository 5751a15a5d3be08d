import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** What an opaque token says where it is asked about. */
export type Said = Record<string, unknown>;

export interface TokenOptions {
  readonly claims?: JWTPayload;
  /** Claims that are left out. */
  readonly without?: readonly string[];
  readonly header?: { readonly typ?: string; readonly kid?: string };
  readonly key?: CryptoKey;
}

/** An authorization server as far as resource servers see it: metadata, keys, introspection, userinfo. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** Requests by path, in the order in which they came. */
  readonly asked: string[];
  readonly client: { readonly id: string; readonly secret: string };
  /** Every request is answered with this status from now on; undefined: as usual. */
  failWith: number | undefined;
  /** Replaces what the metadata says; undefined removes a member. */
  describe(patch: Said): void;
  /** A signed access token, good for ten minutes unless the claims say otherwise. */
  sign(audience: string | readonly string[] | undefined, options?: TokenOptions): Promise<string>;
  /** From now on other keys are used and published. */
  rotate(): Promise<void>;
  publicJwk(): JWK;
  /** An opaque token, of which introspection and userinfo say this; undefined: nothing any more. */
  say(token: string, said: Said | undefined): void;
}

interface Keys {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function startIssuer({ alg = 'ES256' }: { alg?: string } = {}): Promise<TestIssuer> {
  const opaque = new Map<string, Said>();
  const asked: string[] = [];
  const client = { id: 'box:swain', secret: 'a secret/of+this test' };
  let patch: Said = {};
  let keys = await newKeys(alg, 'key-1');
  let failWith: number | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    asked.push(path);
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (failWith !== undefined) return send(failWith, { error: 'temporarily_unavailable' });
    if (path === '/.well-known/oauth-authorization-server') return send(200, { ...metadata(), ...patch });
    if (path === '/jwks') return send(200, { keys: [keys.jwk] });
    if (path === '/introspect') {
      const isClient = request.headers.authorization === `Basic ${basicOf(client)}`;
      if (!isClient) return send(401, { error: 'invalid_client' });
      const said = opaque.get(new URLSearchParams(await text(request)).get('token') ?? '');
      return send(200, said ? { active: true, ...said } : { active: false });
    }
    if (path === '/userinfo') {
      const said = opaque.get(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
      return said ? send(200, said) : send(401, { error: 'invalid_token' });
    }
    send(404, { error: 'not_found' });
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
  const metadata = (): Said => ({
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/jwks`,
    introspection_endpoint: `${url}/introspect`,
    userinfo_endpoint: `${url}/userinfo`,
  });
  return {
    url,
    asked,
    client,
    get failWith() {
      return failWith;
    },
    set failWith(status) {
      failWith = status;
    },
    describe: said => {
      patch = said;
    },
    async sign(aud, { claims = {}, without = [], header = {}, key = keys.privateKey } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: url, sub: 'alice', aud, scope: 'sandbox:write', iat: now, exp: now + 600, ...claims };
      const payload = Object.fromEntries(
        Object.entries(all).filter(([name, value]) => value !== undefined && !without.includes(name)),
      );
      const protectedHeader = { alg, kid: keys.jwk.kid, typ: 'at+jwt', ...header };
      return await new SignJWT(payload).setProtectedHeader(protectedHeader).sign(key);
    },
    async rotate() {
      keys = await newKeys(alg, `key-${asked.length + 2}`);
    },
    publicJwk: () => keys.jwk,
    say: (token, said) => void (said ? opaque.set(token, said) : opaque.delete(token)),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function newKeys(alg: string, kid: string): Promise<Keys> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** As RFC 6749 2.3.1 has it: both halves form-encoded first. */
const basicOf = ({ id, secret }: TestIssuer['client']): string => {
  const encode = (part: string) => encodeURIComponent(part).replaceAll('%20', '+');
  return Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64');
};
