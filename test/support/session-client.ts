import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { z } from 'zod';
import { eventually } from './eventually.ts';
import { askOperation } from './operations-api.ts';

type Json = Record<string, unknown>;

const eventSchema = z.looseObject({
  seq: z.number(),
  type: z.string(),
  turnId: z.string().optional(),
  code: z.string().optional(),
  delta: z.string().optional(),
  result: z.looseObject({ outcome: z.string().optional() }).optional(),
  session: z.looseObject({ status: z.string().optional(), statusReason: z.string().optional() }).optional(),
});
export type SessionEvent = z.output<typeof eventSchema>;

const pageSchema = z.looseObject({ events: z.array(eventSchema), cursor: z.string() });
const sessionSchema = z.looseObject({ status: z.string(), statusReason: z.string().nullish() });
const createdSchema = z.looseObject({ sessionId: z.string(), cursor: z.string() });
const sentSchema = z.looseObject({ turnId: z.string(), via: z.string() });
const waitingSchema = z.looseObject({ permissions: z.array(z.looseObject({ requestId: z.string() })) });

/** Sessions of one server over HTTP; `url` is asked for each time, as servers are started anew. */
export function sessionClient(url: () => string) {
  const ask = async (tool: string, args: Json = {}): Promise<Json> => {
    const { status, body } = await askOperation(url(), tool, args);
    return { httpStatus: status, ...body };
  };
  /** What there is after the cursor, to the newest. */
  const events = async (session_id: string, after: string): Promise<SessionEvent[]> => {
    const all: SessionEvent[] = [];
    for (let cursor = after; ; ) {
      const page = parsed(pageSchema, await ask('poll_events', { session_id, after: cursor, timeout_ms: 0 }));
      if (page.events.length === 0) return all;
      all.push(...page.events);
      ({ cursor } = page);
    }
  };
  const session = async (session_id: string) =>
    parsed(sessionSchema, Object(await ask('get_session', { session_id })).session);
  return {
    ask,
    events,
    session,
    create: async (args: Json) => parsed(createdSchema, await ask('create_session', args)),
    send: async (session_id: string, text: string, more: Json = {}) =>
      parsed(sentSchema, await ask('send_prompt', { session_id, text, ...more })),
    /** The ends of turns that were told, in order; `turnId` or what the turn came to. */
    ends: async (session_id: string, after: string) =>
      (await events(session_id, after)).flatMap(({ type, turnId, result }) =>
        type === 'session.idle' ? [{ turnId, outcome: result?.outcome }] : [],
      ),
    /** Statuses in the order in which they were told, each change once. */
    statuses: async (session_id: string, after: string) => {
      const told = (await events(session_id, after)).flatMap(({ session: about }) => about?.status ?? []);
      return told.filter((status, at) => status !== told[at - 1]);
    },
    until: (session_id: string, status: string) =>
      eventually(async () => (await session(session_id)).status === status, PATIENCE_MS),
    /** The request for leave that the session has, once it has one. */
    pending: async (session_id: string): Promise<string> => {
      let found: string | undefined;
      await eventually(async () => {
        const { permissions } = parsed(waitingSchema, await ask('list_permissions', { session_id }));
        found = permissions[0]?.requestId;
        return found !== undefined;
      }, PATIENCE_MS);
      return found ?? assert.fail('nothing is pending');
    },
  };
}
export type SessionClient = ReturnType<typeof sessionClient>;

/** Long enough for a real agent on a busy machine. */
export const PATIENCE_MS = 60_000;

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { data, error } = schema.safeParse(value);
  return data ?? assert.fail(`${JSON.stringify(value)?.slice(0, 500)}: ${error?.message}`);
}

/** Agents, and what they run, that work in a directory or have the home: a line each, by process. */
export async function agentsOf({
  cwd,
  home,
}: {
  cwd: string;
  home?: string;
}): Promise<{ pid: number; line: string }[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = pids.map(async name => {
    const at = await readlink(`/proc/${name}/cwd`).catch(() => '');
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const isAgent = environment.includes('BOXSWAIN_AGENT_PROCESS=');
    const isOurs =
      at === cwd || at.startsWith(`${cwd}/`) || (home !== undefined && environment.includes(`HOME=${home}\0`));
    if (!isAgent || !isOurs) return [];
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    return [{ pid: Number(name), line: `${name} ${command.replaceAll('\0', ' ')}` }];
  });
  return (await Promise.all(found)).flat();
}

/** A line of the script that leaves a mark in a file, once for each time that it is run. */
export const marks = (file: string, word: string, more = ''): string =>
  `#tool Bash ${JSON.stringify({ command: `echo ${word} >> ${file}${more}` })}`;

/** The marks in a file, in order. */
export async function marksIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter(line => line !== '');
}
