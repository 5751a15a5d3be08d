import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { canonical } from '../resource.ts';
import type { TokenSource, Verdict } from '../verdict.ts';
import { type Expected, judgeClaims, LEEWAY_SECONDS } from './claims.ts';
import { issuerAway } from './http.ts';
import { introspect, judgeByIntrospection } from './introspection.ts';
import type { Issuer } from './issuer.ts';

/** Signatures by keys that only their owner has: with one that is shared, whoever can check a token could make one. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Tokens of another type, such as those that announce a logout, carry the same signatures. Some servers name no type. */
const TYPES: ReadonlySet<string | undefined> = new Set([undefined, 'at+jwt', 'application/at+jwt', 'jwt']);

/** Whether a token has the form of a signed JWT. */
export const isJwt = (token: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(token);

/** Judges signed access tokens by the keys of the issuer that they name, which must be one of these. */
export function jwtSource(issuers: readonly Issuer[]): TokenSource {
  return {
    judges: isJwt,
    async verify(token) {
      const named = issuerIn(token);
      const issuer = issuers.find(({ config }) => named !== undefined && canonical(config.issuer) === canonical(named));
      return issuer === undefined
        ? { refused: 'the token is of an issuer that is not known' }
        : await judge(token, issuer);
    },
  };
}

async function judge(token: string, issuer: Issuer): Promise<Verdict> {
  const metadata = await issuer.metadata();
  const { jwks_uri } = metadata;
  if (jwks_uri === undefined) {
    return issuer.clientSecret === undefined
      ? { refused: 'the issuer has no keys, and no introspection is configured' }
      : await judgeByIntrospection(token, issuer);
  }
  const options = { issuer: metadata.issuer, keys: issuer.keysAt(jwks_uri), address: jwks_uri };
  const verdict = await verifyJwt(token, issuer.expected(), options);
  if ('refused' in verdict || issuer.clientSecret === undefined) return verdict;
  // Only the issuer knows whether it was revoked since, if it keeps account of tokens that it signed.
  const told = await introspect(token, issuer, metadata);
  return told === 'cannot tell' || told.isActive ? verdict : { refused: 'revoked' };
}

/** Checks signature, type, issuer, times, audience. `address`: where the keys come from, for messages. Throws AppError SERVICE_UNAVAILABLE. */
export async function verifyJwt(
  token: string,
  expected: Expected,
  { issuer, keys, address }: { issuer: string; keys: JWTVerifyGetKey; address: string },
): Promise<Verdict> {
  try {
    const payload = await payloadOf(token, { issuer, keys, now: expected.now });
    return judgeClaims(payload, expected);
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { refused: 'expired', isExpired: true };
    if (isAboutToken(error)) return { refused: error.message };
    throw issuerAway(address, error);
  }
}

async function payloadOf(
  token: string,
  { issuer, keys, now }: { issuer: string; keys: JWTVerifyGetKey; now: number },
): Promise<JWTPayload> {
  const options = {
    issuer,
    algorithms: ALGORITHMS,
    clockTolerance: LEEWAY_SECONDS,
    currentDate: new Date(now),
    requiredClaims: ['exp', 'sub', 'aud'],
  };
  const { payload, protectedHeader } = await jwtVerify(token, keys, options).catch(async (error: unknown) => {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      const verified = await jwtVerify(token, key, options).catch((cause: unknown) => {
        if (!(cause instanceof errors.JWSSignatureVerificationFailed)) throw cause;
      });
      if (verified) return verified;
    }
    throw new errors.JWSSignatureVerificationFailed();
  });
  if (!TYPES.has(protectedHeader.typ?.toLowerCase())) throw new errors.JWTInvalid('the token is of another type');
  return payload;
}

/** Whatever else goes wrong is the fault of the keys, or of the way to them. */
const isAboutToken = (error: unknown): error is errors.JOSEError =>
  error instanceof errors.JWTClaimValidationFailed ||
  error instanceof errors.JWTInvalid ||
  error instanceof errors.JWSInvalid ||
  error instanceof errors.JWSSignatureVerificationFailed ||
  error instanceof errors.JOSEAlgNotAllowed ||
  error instanceof errors.JOSENotSupported ||
  error instanceof errors.JWKSNoMatchingKey;

function issuerIn(token: string): string | undefined {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}
