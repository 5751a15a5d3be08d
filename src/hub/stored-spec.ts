import { z } from 'zod';
import { enforcementSchema, workspaceSpecSchema } from '../protocol/workspace-spec.ts';
import type { JsonObject, WorkspaceRecord } from '../store/rows.ts';
import { toJsonObject } from './json.ts';

/** What the row of a workspace keeps beside what its worker needs. */
const storedSpecSchema = workspaceSpecSchema.extend({
  /** The network policy as it was asked for. */
  policy: z.union([z.literal('off'), z.literal('registries'), z.object({ allow: z.array(z.string()) })]),
  /** Where the files are: another worker of the same site can open them. Empty until it is placed. */
  site: z.string(),
  /** Labels that its worker must have. Rows of earlier versions have none. */
  labels: z.record(z.string(), z.string()).default({}),
  enforcement: z.partialRecord(z.string(), enforcementSchema),
  /** The files of this checkpoint are being put into it, at its present epoch. */
  filling: z
    .object({
      checkpointId: z.string(),
      /** The last epoch at which it was whole. */
      fromEpoch: z.number(),
      /** By the database's clock. */
      since: z.number(),
      /** Its last holder was alive, and nothing is missing. */
      isMove: z.boolean(),
    })
    .nullable()
    .default(null),
});
export type StoredSpec = z.output<typeof storedSpecSchema>;

const parsed = new WeakMap<JsonObject, StoredSpec>();

/** The spec of a record, parsed once. Throws for a row that this program did not write. */
export function specOf({ spec }: { spec: WorkspaceRecord['spec'] }): StoredSpec {
  const known = parsed.get(spec);
  if (known !== undefined) return known;
  const fresh = storedSpecSchema.parse(spec);
  parsed.set(spec, fresh);
  return fresh;
}

export const specAsJson = (spec: StoredSpec): JsonObject => toJsonObject(spec);
