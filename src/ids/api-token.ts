import { hash, randomBytes } from 'node:crypto';

/** Tokens for scripts begin with this, so that scanners for secrets find them. */
export const API_TOKEN_PREFIX = 'bxs_';
const RANDOM_BYTES = 32;

/** A secret of 256 random bits. */
export const newApiToken = (): string => `${API_TOKEN_PREFIX}${randomBytes(RANDOM_BYTES).toString('base64url')}`;

/** What is kept of a token: SHA-256, in hexadecimal. Nobody guesses 256 bits, so it needs no salt and no slowness. */
export const hashOfToken = (token: string): string => hash('sha256', token, 'hex');
