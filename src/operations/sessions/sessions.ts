import { z } from 'zod';
import type { OpenIn } from '../../hub/sessions/presence/presence-book.ts';
import type { ListedSession } from '../../hub/sessions/session-list.ts';
import { sessionStatusSchema } from '../../protocol/sessions.ts';
import { badArgument } from '../arguments.ts';
import { idem, ws } from '../sandbox/inputs.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { cursorOf } from './cursors.ts';
import { acting, agent, at, paging, permissionMode, project, reading, sessionId, since, slug } from './inputs.ts';
import { parent, parentOf } from './parents.ts';
import { agentsOutput, createdOutput, forkedOutput, renamedOutput, sessionOutput, sessionsOutput } from './outputs.ts';
import { listText } from './texts.ts';
import { viewListed, viewPermission, viewSession } from './views.ts';

const title = z.string().max(1000);
/** It becomes a word of an agent's command line, where it must not be taken for an option. */
const model = z
  .string()
  .max(200)
  .refine(name => /^[^-\p{Cc}][^\p{Cc}]*$/u.test(name), 'must be the name of a model');

export const listSessions = defineOperation({
  name: 'list_sessions',
  toolset: 'sessions',
  title: 'List sessions',
  description: 'List sessions with coding agents, newest first.',
  input: z.strictObject({
    slug: project,
    ...at,
    agent: agent.optional().describe('only of this kind of agent'),
    status: sessionStatusSchema.optional().describe('only those in this state'),
    query: z.string().max(500).optional().describe('words of the title'),
    since,
    shared: z
      .boolean()
      .default(false)
      .meta({ hidden: true, description: 'instead of your own: those that others share with you' }),
    ...paging(50, 200),
  }),
  output: sessionsOutput,
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'list'], examples: ['boxswain sessions list --status running'] },
  text: output => listText(output.sessions, output),
  async run({ query, worker_id, shared, ...rest }, { hub, caller }) {
    if (shared) {
      const { sessions, nextCursor } = await sharedSessions({ hub, caller }, rest);
      return { sessions: sessions.map(one => viewListed(one, caller)), nextCursor, warnings: [] };
    }
    const found = await hub.sessions.desk.list({ ...rest, caller, worker: worker_id, title: query });
    return { ...found, sessions: found.sessions.map(one => viewListed(one, caller)) };
  },
});

/** Sessions that others share with the caller, by their handles; whose history is shared with it finds the rest among its own. */
async function sharedSessions(
  { hub, caller }: Pick<OperationContext, 'hub' | 'caller'>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ sessions: ListedSession[]; nextCursor: string | null }> {
  const granted = await hub.shares.granted(caller, 'session');
  const targets = [...new Set(granted.map(({ target }) => target))];
  const start = cursor === undefined ? 0 : targets.indexOf(cursor) + 1;
  const page = targets.slice(start, start + limit);
  const looks = page.map(id => hub.sessions.desk.look(id, caller, { limit: 1, maxPartChars: 1 }));
  const settled = await Promise.allSettled(looks);
  const sessions = settled.flatMap(look =>
    look.status === 'fulfilled' ? [{ ...look.value, past: look.value.past?.session }] : [],
  );
  return { sessions, nextCursor: start + limit < targets.length ? (page.at(-1) ?? null) : null };
}

export const getSession = defineOperation({
  name: 'get_session',
  toolset: 'sessions',
  title: 'Get session',
  description: 'A session with its latest messages.',
  input: z.strictObject({
    session_id: sessionId,
    slug,
    limit: z.int().min(1).max(500).default(50).describe('most messages to return'),
    before: z.string().max(128).optional().describe('message id: only those before it'),
    max_part_chars: z.int().min(100).max(100_000).default(4_000).describe('longer parts are cut'),
  }),
  output: sessionOutput,
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'show'], positional: 'session_id', examples: ['boxswain sessions show SESSION_ID'] },
  async run({ session_id, limit, before, max_part_chars }, { hub, caller }) {
    const reading = { limit, maxPartChars: max_part_chars, ...(before !== undefined && { before }) };
    const { workerId, record, past, recorded, openIn } = await hub.sessions.desk.look(session_id, caller, reading);
    const owner = record?.caller ?? caller.id;
    const query = { caller: owner, sessionId: record?.id ?? session_id, pendingOnly: true, limit: 50 };
    const { rows } = await hub.sessions.permissions.list(query);
    const session = viewListed({ workerId, record, past: past?.session, openIn }, caller);
    const channel = await channelOf(session.agentSessionId, openIn, { hub, owner });
    const read = recorded ?? past;
    return {
      session: {
        ...session,
        slug: session.projectSlug,
        channel,
        pendingPermissionCount: rows.length,
        pendingPermissions: rows.map(viewPermission),
      },
      messages: read?.messages ?? [],
      hasMore: read?.hasMore ?? false,
      before: read?.before ?? null,
    };
  },
});

/** Whether the hooks of the terminal that has it open reach this server. */
async function channelOf(
  agentSessionId: unknown,
  openIn: OpenIn | undefined,
  { hub, owner }: Pick<OperationContext, 'hub'> & { owner: string },
): Promise<{ present: boolean; pid?: number }> {
  if (openIn === undefined || typeof agentSessionId !== 'string') return { present: false };
  const { since, pid } = openIn;
  const present = await hub.sessions.terminals.hooksReach({ agentSessionId, caller: owner, since });
  return present ? { present, pid } : { present };
}

export const createSession = defineOperation({
  name: 'create_session',
  toolset: 'sessions',
  title: 'Create session',
  description: 'Run a coding agent.',
  input: z.strictObject({
    slug: slug.meta({ hidden: true, description: 'project to work in, instead of cwd' }),
    cwd: z.string().max(4096).optional().describe('absolute directory, or one of the workspace'),
    ...at,
    ...ws,
    agent: agent.optional().describe('claude, codex, gemini, opencode or a configured one'),
    model: model.optional().describe('of those that the agent has'),
    permission_mode: permissionMode,
    title: title.optional().describe('name for people'),
    prompt: z.string().min(1).max(1_048_576).optional().describe('first prompt'),
    ...parent,
    ...idem,
  }),
  output: createdOutput,
  hints: acting,
  scope: 'sessions:write',
  core: true,
  cli: {
    words: ['sessions', 'create'],
    examples: ['boxswain sessions create --cwd "$PWD" --prompt "explain this project"'],
  },
  async run(input, context) {
    const { model, permission_mode, prompt, idempotency_key } = input;
    const { desk } = context.hub.sessions;
    const { cwd, worker, workspaceId } = await placeOf(input, context);
    const session = await desk.create(
      {
        agent: input.agent ?? desk.defaultAgent,
        cwd,
        worker,
        workspaceId,
        model,
        permissionMode: permission_mode ?? 'default',
        title: input.title,
        prompt,
        ...(await parentOf(input, context)),
        idempotencyKey: idempotency_key,
      },
      context,
    );
    const { id, agentSessionId, status, resumeCommand, workerId } = viewSession(session);
    const place = {
      cwd: session.cwd,
      agent: session.agent,
      workerId,
      agentSessionId,
      ...(workspaceId !== undefined && { workspaceId }),
    };
    return { sessionId: session.id, ...place, status: String(status), resumeCommand, cursor: cursorOf(String(id), 0) };
  },
});

/** What is named in full wins over the project that it belongs to. */
async function placeOf(
  {
    cwd,
    slug: project,
    worker_id,
    workspace_id,
  }: Partial<Record<'cwd' | 'slug' | 'worker_id' | 'workspace_id', string>>,
  { hub, caller }: OperationContext,
): Promise<{ cwd: string; worker: string | undefined; workspaceId?: string }> {
  if (workspace_id !== undefined) return { cwd: cwd ?? '', worker: worker_id, workspaceId: workspace_id };
  if (cwd !== undefined) return { cwd, worker: worker_id };
  if (project !== undefined) return await hub.sessions.projects.find(project, { caller, worker: worker_id });
  throw badArgument('cwd', 'is required: a session works in a directory', 'name an absolute directory in cwd');
}

export const forkSession = defineOperation({
  name: 'fork_session',
  toolset: 'sessions',
  title: 'Fork session',
  description: 'Copy a session up to a message. Starts no agent.',
  input: z.strictObject({
    session_id: sessionId,
    slug,
    at_message_id: z.string().max(128).optional().describe('last message of the copy; default: the last'),
    title: title.optional().describe('name for people'),
    ...idem,
  }),
  output: forkedOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sessions:write',
  cli: { words: ['sessions', 'fork'], positional: 'session_id', examples: ['boxswain sessions fork SESSION_ID'] },
  async run({ session_id, at_message_id, title: name, idempotency_key }, context) {
    const { desk } = context.hub.sessions;
    const original = await desk.find(session_id, context.caller);
    const request = { atMessageId: at_message_id, title: name, idempotencyKey: idempotency_key };
    const fork = await desk.fork(original, request, context);
    return { sessionId: fork.id, forkedFrom: original.id, atMessageId: fork.atMessageId };
  },
});

export const renameSession = defineOperation({
  name: 'rename_session',
  toolset: 'sessions',
  title: 'Rename session',
  description: 'Give a session another title.',
  input: z.strictObject({ session_id: sessionId, title: title.min(1).describe('at most 120 characters are kept') }),
  output: renamedOutput,
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  scope: 'sessions:write',
  cli: {
    words: ['sessions', 'rename'],
    positional: 'session_id',
    examples: ['boxswain sessions rename SESSION_ID --title "Mend the gate"'],
  },
  async run({ session_id, title: name }, { hub, caller }) {
    const { desk } = hub.sessions;
    if (name.trim() === '') throw badArgument('title', 'must not be blank', 'name the session');
    return { ok: true, title: await desk.rename(await desk.find(session_id, caller), name) };
  },
});

export const listAgentsAvailable = defineOperation({
  name: 'list_agents_available',
  toolset: 'sessions',
  title: 'List kinds of agents',
  description: 'Which coding agents can be started, and what each can do.',
  input: z.strictObject(at),
  output: agentsOutput,
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'agents'], examples: ['boxswain sessions agents'] },
  async run({ worker_id }, { hub }) {
    await hub.sessions.history.workers(worker_id);
    const { agents } = await hub.sessions.desk.agents(worker_id);
    return { agents };
  },
});
