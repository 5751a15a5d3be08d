import { readSecretFile } from '../auth/secret-file.ts';
import { metadataReader } from '../auth/issuers/metadata.ts';
import { isLoopback } from '../auth/admission.ts';
import type { Check } from '../cli/doctor.ts';
import { type IssuerConfig, issuersOf } from '../config/auth.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import { failed } from './checks.ts';

/** Who is let in, and whether those who judge tokens can be asked. */
export async function authChecks(config: Config): Promise<Check[]> {
  const issuers = issuersOf(config.auth);
  return [modeCheck(config, issuers), ...(await signInCheck(config)), ...(await Promise.all(issuers.map(issuerCheck)))];
}

/** Whether the built-in authorization server, where it is on, has an address that clients can trust. */
async function signInCheck({ auth, http }: Config): Promise<Check[]> {
  if (!auth.server.enabled) return [];
  const name = 'sign-in';
  try {
    const { issuerAt } = await import('../auth/server/issuer.ts');
    return [{ name, state: 'ok', detail: `users of this server sign in at ${issuerAt(http.public_url)}` }];
  } catch (error) {
    return [failed(name, error, 'boxswain auth enable --public-url https://box.example.com')];
  }
}

function modeCheck({ http, auth }: Config, issuers: readonly IssuerConfig[]): Check {
  const local = auth.required || !isLoopback(nameless(http.host)) ? 'nobody without a token' : 'direct local requests';
  const own = auth.server.enabled ? ['users who sign in here'] : [];
  const tokens = ['API tokens', ...own, ...issuers.map(({ name }) => `tokens of ${name}`)].join(', ');
  const check = { name: 'auth', detail: `let in: ${local}; ${tokens}` };
  const isRemote = issuers.length > 0 || !isLoopback(nameless(http.host));
  if (isRemote && http.public_url === undefined) {
    const fix = 'set http.public_url to the address that clients use: tokens are for that address';
    return { ...check, state: 'warn', detail: `${check.detail}; the public address is not told`, fix };
  }
  if (http.public_url !== undefined && isPlain(http.public_url)) {
    const fix = 'put a proxy with TLS in front, and its https address into http.public_url';
    return { ...check, state: 'warn', detail: `${check.detail}; tokens travel over plain http`, fix };
  }
  return { ...check, state: 'ok' };
}

const FIX = 'check its address in auth, and that this machine reaches it';

async function issuerCheck({ name: issuerName, issuer, introspection, userinfo }: IssuerConfig): Promise<Check> {
  const name = `issuer ${issuerName}`;
  try {
    if (introspection) await readSecretFile(introspection.client_secret_file, 'introspection.client_secret_file');
    const { jwks_uri, introspection_endpoint, userinfo_endpoint } = await metadataReader(issuer)();
    const isBlind = introspection !== undefined && introspection_endpoint === undefined;
    const ways = [
      ...(jwks_uri === undefined ? [] : ['signed tokens']),
      ...(introspection === undefined || isBlind ? [] : ['introspection']),
      ...(userinfo_endpoint !== undefined &&
      (userinfo ?? (jwks_uri === undefined && introspection_endpoint === undefined))
        ? ['userinfo']
        : []),
    ];
    if (ways.length === 0 || isBlind) {
      const fix = 'see auth.issuers in docs/configuration.md: introspection, or userinfo';
      return { name, state: 'fail', detail: `${issuer} has no way to judge tokens that is configured`, fix };
    }
    const detail = `${issuer}: ${ways.join(', ')}`;
    if (isPlain(issuer))
      return { name, state: 'warn', detail: `${detail}; over plain http`, fix: 'use its https address' };
    return { name, state: 'ok', detail };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SERVICE_UNAVAILABLE') return failed(name, error, FIX);
    const why = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { name, state: 'fail', detail: `${error.message}${why}`, fix: FIX };
  }
}

/** What goes there can be read and changed by whoever is in between. */
function isPlain(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !isLoopback(nameless(hostname.replace(/^\[(.*)\]$/, '$1')));
}

/** `localhost` is the one name that is loopback everywhere. */
const nameless = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);
