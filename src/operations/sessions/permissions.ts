import { z } from 'zod';
import { rememberSchema } from '../../protocol/sessions.ts';
import { badArgument } from '../arguments.ts';
import { defineOperation } from '../define.ts';
import { ending, paging, reading, sessionId } from './inputs.ts';
import { permissionsOutput, respondedOutput } from './outputs.ts';
import { plain, viewPermission } from './views.ts';

export const listPermissions = defineOperation({
  name: 'list_permissions',
  toolset: 'sessions',
  title: 'List permission requests',
  description: 'What agents ask leave for.',
  input: z.strictObject({
    session_id: sessionId.optional(),
    state: z.enum(['pending', 'all']).default('pending').describe('only those that wait for an answer, or all'),
    ...paging(50, 200),
  }),
  output: permissionsOutput,
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'permissions'], examples: ['boxswain sessions permissions'] },
  async run({ session_id, state, limit, cursor }, { hub, caller }) {
    const named =
      session_id === undefined
        ? undefined
        : await hub.sessions.desk.look(session_id, caller, { limit: 1, maxPartChars: 1 });
    const { caller: owner = caller.id, id: sessionId = session_id } = named?.record ?? {};
    const query = { caller: owner, sessionId, pendingOnly: state === 'pending', limit, cursor };
    const page = await hub.sessions.permissions.list(query);
    return { permissions: page.rows.map(viewPermission), nextCursor: page.nextCursor };
  },
});

export const respondPermission = defineOperation({
  name: 'respond_permission',
  toolset: 'sessions',
  title: 'Answer permission request',
  description: 'Allow or deny what an agent asks leave for. The first answer wins.',
  input: z.strictObject({
    session_id: sessionId,
    request_id: z.string().max(128).describe('requestId of the request'),
    behavior: z.enum(['allow', 'deny']).describe('the answer'),
    remember: rememberSchema.default('once').describe('this time, for the session, or always for the project'),
    message: z
      .string()
      .max(10_000)
      .optional()
      .meta({ brief: 'why; deny', description: 'told to the agent with a denial' }),
    updated_input: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ brief: 'allow', description: 'what the tool gets instead of what it asked for' }),
  }),
  output: respondedOutput,
  hints: ending,
  scope: 'sessions:write',
  core: true,
  cli: {
    words: ['sessions', 'respond'],
    positional: 'session_id',
    examples: ['boxswain sessions respond SESSION_ID --request-id ID --behavior allow'],
  },
  async run({ session_id, request_id, behavior, remember, message, updated_input }, { hub, caller }) {
    if (behavior === 'allow' && message !== undefined)
      throw badArgument('message', 'goes with behavior deny only', 'leave message out');
    if (behavior === 'deny' && updated_input !== undefined)
      throw badArgument('updated_input', 'goes with behavior allow only', 'leave updated_input out');
    const session = await hub.sessions.desk.find(session_id, caller);
    const answer = {
      behavior,
      remember,
      ...(message !== undefined && { message }),
      ...(updated_input && { updatedInput: plain(updated_input) }),
    };
    const { isRepeat } = await hub.sessions.permissions.respond(
      { sessionId: session.id, requestId: request_id, answer },
      { id: session.caller },
    );
    return { ok: true, requestId: request_id, behavior, remember, alreadyResolved: isRepeat };
  },
});
