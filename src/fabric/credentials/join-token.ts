import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { type CredentialFacts, readCredential } from './credential.ts';

/** All that a worker or hub needs to join, in one text. Whoever has it can join in its place: a secret. */
export interface JoinToken extends CredentialFacts {
  /** The text of a `.creds` file. */
  readonly credential: string;
  /** NATS servers; none: the configuration names them. */
  readonly servers: readonly string[];
  /** Address of a hub that gives contents, for workers without a blob service of their own. */
  readonly hub?: string;
  /** Labels of the worker, unless its configuration says otherwise. */
  readonly labels: Readonly<Record<string, string>>;
  /** Lets a hub ask the NATS servers which credentials are revoked. */
  readonly lookup?: string;
}

export type TokenContent = Pick<JoinToken, 'credential' | 'servers' | 'hub' | 'labels' | 'lookup'>;

const contentSchema = z.object({
  boxswain_token: z.literal(1),
  servers: z.array(z.string()),
  hub: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  credential: z.string(),
  lookup: z.string().optional(),
});

/** As JSON, so that an operator can see where a token leads to. */
export function writeJoinToken({ credential, servers, hub, labels, lookup }: TokenContent): string {
  const content: z.input<typeof contentSchema> = { boxswain_token: 1, servers: [...servers], labels, credential };
  return `${JSON.stringify({ ...content, ...(hub && { hub }), ...(lookup && { lookup }) }, null, 2)}\n`;
}

/**
 * Reads a token, or a bare `.creds` file. Throws AppError UNAUTHORIZED for any other text, and for a token whose time is over; it
 * says nothing of what the text holds.
 */
export async function readJoinToken(text: string, now = Date.now()): Promise<JoinToken> {
  const content: TokenContent = text.trimStart().startsWith('{')
    ? parsed(text)
    : { credential: text, servers: [], labels: {} };
  const facts = await readCredential(content.credential);
  if (facts.expiresAt !== undefined && facts.expiresAt <= now) {
    throw new AppError('UNAUTHORIZED', `the token expired at ${new Date(facts.expiresAt).toISOString()}`, {
      hint: 'make a new one: boxswain worker token create',
    });
  }
  return { ...content, ...facts };
}

function parsed(text: string): TokenContent {
  try {
    return contentSchema.parse(JSON.parse(text));
  } catch {
    // The reason could quote the text.
    throw new AppError('UNAUTHORIZED', 'this is not a token, or only a part of one', {
      hint: 'take the whole text that `boxswain worker token create` has written',
    });
  }
}
