import { z } from 'zod';

const nullUuid = z.strictObject({ uuid: z.string(), valid: z.boolean() });
const map = z.record(z.string(), z.unknown());
/** Fields that servers write as null, where the document would leave them out. */
const POINTERS = ['current_state', 'workspace_agent_health', 'workspace_agent_lifecycle'];

/** An answer as Go writes it: ids that there need not be as a text or null, and null for what points nowhere. */
export function asServersWrite(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(asServersWrite);
  const id = nullUuid.safeParse(body);
  if (id.success) return id.data.valid ? id.data.uuid : null;
  const fields = map.safeParse(body);
  if (!fields.success) return body;
  const written = Object.entries(fields.data).map(([key, value]) => [key, asServersWrite(value)]);
  const absent = 'initial_prompt' in fields.data ? POINTERS.map(key => [key, null]) : [];
  return Object.fromEntries([...absent, ...written.filter(([, value]) => value !== undefined)]);
}
