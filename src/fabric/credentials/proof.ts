import { sign, verify } from 'node:crypto';
import { decode, parseCreds, type User } from '@nats-io/jwt';
import { identityInJwt } from './credential.ts';
import { privateKeyOf, publicKeyOf } from './ed25519.ts';

/** What an HTTP request asks for: a proof made for one is none for another. */
export interface Proved {
  readonly method: string;
  readonly subject: string;
}

/** What counts of an account: whose signatures make credentials, and which credentials are void. */
export interface AccountFacts {
  readonly account: string;
  readonly signers: ReadonlySet<string>;
  /** Public keys, each with the time in seconds up to which what was issued is void. */
  readonly revocations: Readonly<Record<string, number>>;
}

/** `stale`: the clocks of both sides differ too much, or the proof is an old one; `time` is right, in milliseconds since 1970. */
export type Verdict =
  | { readonly worker: string }
  | { readonly refused: 'invalid' }
  | { readonly refused: 'stale'; readonly time: number };

const SCHEME = 'Boxswain-Proof';
const FORM = new RegExp(`^${SCHEME} (\\d{1,15})\\.([\\w-]{86})\\.([\\w-]+\\.[\\w-]+\\.[\\w-]+)$`);
/** How long a proof that somebody has overheard can be sent once more. */
const VALID_MS = 60_000;
const MAX_REMEMBERED = 10_000;

const signed = (time: number, { method, subject }: Proved): Buffer =>
  Buffer.from(`${SCHEME}\n${time}\n${method}\n${subject}`);

/** Makes the `authorization` of requests with the text of a `.creds` file, whose secret stays here. `time` as the hub has it. */
export async function proverOf(credential: string): Promise<(request: Proved, time: number) => string> {
  const { jwt, key } = await parseCreds(new TextEncoder().encode(credential));
  const secret = privateKeyOf(key);
  return (request, time) =>
    `${SCHEME} ${time}.${sign(null, signed(time, request), secret).toString('base64url')}.${jwt}`;
}

/**
 * Checks that a request comes from a worker: its credential was made by this account and is neither revoked nor expired, and whoever
 * sends the request has the secret of it, and had it within the last minute.
 */
export class ProofChecker {
  readonly #account: () => Promise<AccountFacts>;
  readonly #now: () => number;
  readonly #genuine = new Map<string, Claims>();

  constructor(account: () => Promise<AccountFacts>, now: () => number = Date.now) {
    this.#account = account;
    this.#now = now;
  }

  /** Rejects only when the account cannot be had. */
  async check(authorization: string, request: Proved): Promise<Verdict> {
    const [, timeText = '', signature = '', jwt = ''] = FORM.exec(authorization) ?? [];
    const claims = this.#claimsOf(jwt);
    const time = Number(timeText);
    const isSigned =
      claims && verify(null, signed(time, request), publicKeyOf(claims.key), Buffer.from(signature, 'base64url'));
    if (!claims || !isSigned) return { refused: 'invalid' };
    const now = this.#now();
    const { account, signers, revocations } = await this.#account();
    const revokedUntil = Math.max(revocations[claims.key] ?? 0, revocations['*'] ?? 0);
    const isGood =
      claims.account === account && signers.has(claims.issuer) && claims.issuedAt > revokedUntil && claims.until > now;
    if (!isGood) return { refused: 'invalid' };
    // Told only to whom the time is of use.
    return Math.abs(now - time) > VALID_MS ? { refused: 'stale', time: now } : { worker: claims.worker };
  }

  /** Remembered, because the signature of a credential is slow to check and never changes. */
  #claimsOf(jwt: string): Claims | undefined {
    const known = this.#genuine.get(jwt);
    if (known) return known;
    const claims = claimsIn(jwt);
    if (!claims) return undefined;
    if (this.#genuine.size >= MAX_REMEMBERED) this.#genuine.clear();
    this.#genuine.set(jwt, claims);
    return claims;
  }
}

interface Claims {
  readonly worker: string;
  readonly key: string;
  readonly issuer: string;
  readonly account: string;
  readonly issuedAt: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Undefined for what is no credential of a worker, or is not signed by whom it says. */
function claimsIn(jwt: string): Claims | undefined {
  try {
    const { name, sub: key, iss: issuer, iat: issuedAt, exp, nats } = decode<User>(jwt);
    const identity = identityInJwt(name);
    if (!('worker' in identity) || nats.type !== 'user' || !key.startsWith('U')) return undefined;
    const until = exp === undefined ? Number.POSITIVE_INFINITY : exp * 1_000;
    return { worker: identity.worker, key, issuer, account: nats.issuer_account ?? issuer, issuedAt, until };
  } catch {
    return undefined;
  }
}
