import { z } from 'zod';

/** Outputs are loose, so that a field added later breaks no client; models are told the fields that they go on with. */
const object = z.looseObject({});
const list = z.array(object);
export const nextCursor = z.string().nullable();

export const sessionsOutput = z.looseObject({ sessions: list, nextCursor, warnings: list });
export const sessionOutput = z.looseObject({
  session: object,
  messages: list,
  hasMore: z.boolean(),
  before: z.string().nullable(),
});
export const createdOutput = z.looseObject({ sessionId: z.string(), cursor: z.string() });
export const sentOutput = z.looseObject({
  sessionId: z.string(),
  turnId: z.string(),
  cursor: z.string(),
});
export const waitedOutput = z.looseObject({
  ...sentOutput.shape,
  messages: list,
  timedOut: z.boolean(),
  waitingPermission: z.boolean(),
  pendingPermissions: list,
  status: z.string(),
});
export const abortedOutput = z.looseObject({ ok: z.boolean(), aborted: z.boolean(), status: z.string() });
export const disposedOutput = z.looseObject({ ok: z.boolean(), disposed: z.boolean(), status: z.string() });
export const forkedOutput = z.looseObject({
  sessionId: z.string(),
  forkedFrom: z.string(),
  atMessageId: z.string().nullable(),
});
export const renamedOutput = z.looseObject({ ok: z.boolean(), title: z.string() });
export const permissionsOutput = z.looseObject({ permissions: list, nextCursor });
export const respondedOutput = z.looseObject({ alreadyResolved: z.boolean() });
export const agentsOutput = z.looseObject({ agents: list });
export const eventsOutput = z.looseObject({
  events: list,
  cursor: z.string(),
});
