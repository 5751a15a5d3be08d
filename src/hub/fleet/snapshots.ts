import { z } from 'zod';
import type { Caller } from '../../auth/caller.ts';
import type { Blobs } from '../../blobs/blobs.ts';
import { providerNames } from '../../providers/provider.ts';
import { agentSchema } from './agent-schema.ts';
import { badField } from './errors.ts';

const cursorSchema = z.strictObject({ h: z.string().regex(/^[0-9a-f]{64}$/), o: z.int().min(0) });

const snapshotSchema = z.object({
  caller: z.string(),
  computedAt: z.string(),
  agents: z.array(agentSchema),
  warnings: z.array(z.object({ provider: z.enum(providerNames), error_code: z.string(), error: z.string() })),
});
/** A list as it was at one moment, after filters and in its order. */
export type Snapshot = z.output<typeof snapshotSchema>;

/**
 * Lists that are read page by page. They lie among the contents, where every hub finds them, and nothing names them, so that they are
 * swept away within hours.
 */
export class Snapshots {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** A cursor that goes on behind the first `offset` agents. */
  async keep(snapshot: Snapshot, offset: number): Promise<string> {
    const { sha256 } = await this.#blobs.put(Buffer.from(JSON.stringify(snapshot)));
    return cursorAt(sha256, offset);
  }

  /** Throws VALIDATION_ERROR for a cursor that is none, that is another caller's, or whose list is kept no more. */
  async read(
    cursor: string,
    caller: Pick<Caller, 'id'>,
  ): Promise<{ snapshot: Snapshot; offset: number; next: (offset: number) => string }> {
    const { h, o } = parsed(cursor) ?? bad();
    const bytes = await this.#blobs.read(h);
    const snapshot = bytes && snapshotSchema.safeParse(jsonOf(bytes)).data;
    if (snapshot === undefined || snapshot.caller !== caller.id) return bad();
    return { snapshot, offset: o, next: offset => cursorAt(h, offset) };
  }
}

const cursorAt = (h: string, o: number): string => Buffer.from(JSON.stringify({ h, o })).toString('base64url');

function parsed(cursor: string): z.output<typeof cursorSchema> | undefined {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    // Whatever is wrong with it, it is no cursor of ours.
    return undefined;
  }
}

function bad(): never {
  throw badField('cursor', 'cursor is not one that this list gave, or its list is kept no more');
}

/** Any content has a hash; undefined for one that is no JSON. */
function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
