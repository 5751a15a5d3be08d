import { z } from 'zod';
import type { Sent } from '../../hub/sessions/prompt-desk.ts';
import { idem } from '../sandbox/inputs.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { cursorOf } from './cursors.ts';
import { acting, deliver, ending, sessionId, slug } from './inputs.ts';
import { abortedOutput, disposedOutput, sentOutput, waitedOutput } from './outputs.ts';
import { viewPermission } from './views.ts';

const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 600_000;

const prompt = {
  session_id: sessionId,
  text: z.string().min(1).max(1_048_576).describe('the prompt'),
  cwd: z.string().max(4096).optional().meta({ hidden: true, description: 'not needed' }),
  slug,
  ...deliver,
  ...idem,
};

export const sendPrompt = defineOperation({
  name: 'send_prompt',
  toolset: 'sessions',
  title: 'Send prompt',
  description: 'Give a session a prompt; answers when it is accepted. Follow with poll_events.',
  input: z.strictObject(prompt),
  output: sentOutput,
  hints: acting,
  scope: 'sessions:write',
  core: true,
  cli: {
    words: ['sessions', 'send'],
    positional: 'session_id',
    attaches: true,
    examples: [
      'boxswain sessions send SESSION_ID --text "run the tests"',
      'boxswain sessions send SESSION_ID --text "what is wrong here?" --attach screenshot.png',
    ],
  },
  run: async (input, context) => viewSent(await send('send_prompt', input, context)),
});

export const sendAndWait = defineOperation({
  name: 'send_and_wait',
  toolset: 'sessions',
  title: 'Send prompt and wait',
  description: 'Give a session a prompt and wait for the end of its turn, or for a permission request.',
  input: z.strictObject({
    ...prompt,
    timeout_ms: z
      .number()
      .refine(Number.isInteger, 'must be a whole number')
      .default(120_000)
      .transform(ms => Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, ms)))
      .describe('longest wait, 1,000 to 600,000'),
  }),
  output: waitedOutput,
  hints: acting,
  scope: 'sessions:write',
  cli: {
    words: ['sessions', 'wait'],
    positional: 'session_id',
    attaches: true,
    examples: ['boxswain sessions wait SESSION_ID --text "run the tests"'],
  },
  async run({ timeout_ms, ...input }, context) {
    const { hub, caller, signal } = context;
    const sent = await send('send_and_wait', input, context);
    const { id } = sent.session;
    const seen = await hub.sessions.desk.watch(sent, { timeoutMs: timeout_ms, signal });
    const query = { caller: sent.session.caller, sessionId: id, pendingOnly: true, limit: 50 };
    const { rows } = await hub.sessions.permissions.list(query);
    const { status } = await hub.sessions.desk.find(id, caller);
    return {
      ...viewSent(sent),
      messages: seen.messages,
      timedOut: seen.timedOut,
      waitingPermission: seen.waitsForPermission,
      pendingPermissions: rows.map(viewPermission),
      status,
      ...(seen.result && { result: seen.result }),
      cursor: cursorOf(id, seen.cursor),
    };
  },
});

export const abortSession = defineOperation({
  name: 'abort_session',
  toolset: 'sessions',
  title: 'Abort turn',
  description: 'Interrupt the running turn; the session stays usable.',
  input: z.strictObject({ session_id: sessionId }),
  output: abortedOutput,
  hints: ending,
  scope: 'sessions:write',
  cli: { words: ['sessions', 'abort'], positional: 'session_id', examples: ['boxswain sessions abort SESSION_ID'] },
  async run({ session_id }, { hub, caller }) {
    const { desk } = hub.sessions;
    const aborted = await desk.abort(await desk.find(session_id, caller));
    return { ok: true, aborted, status: (await desk.find(session_id, caller)).status };
  },
});

export const disposeSession = defineOperation({
  name: 'dispose_session',
  toolset: 'sessions',
  title: 'Dispose session',
  description: 'End the agent of a session. It resumes with the next prompt.',
  input: z.strictObject({ session_id: sessionId }),
  output: disposedOutput,
  hints: ending,
  scope: 'sessions:write',
  cli: { words: ['sessions', 'dispose'], positional: 'session_id', examples: ['boxswain sessions dispose SESSION_ID'] },
  async run({ session_id }, { hub, caller }) {
    const { desk } = hub.sessions;
    const disposed = await desk.dispose(await desk.find(session_id, caller));
    return { ok: true, disposed, status: 'closed' };
  },
});

interface PromptInput {
  readonly session_id: string;
  readonly text: string;
  readonly when_open: 'error' | 'fork' | 'queue' | 'wait';
  readonly when_busy: 'queue' | 'interrupt' | 'error';
  readonly attachments: readonly { readonly fileId: string }[];
  readonly idempotency_key?: string;
}

async function send(
  operation: 'send_prompt' | 'send_and_wait',
  input: PromptInput,
  context: OperationContext,
): Promise<Sent> {
  const { desk } = context.hub.sessions;
  const { text, when_busy: whenBusy, idempotency_key: idempotencyKey } = input;
  const fileIds = input.attachments.map(({ fileId }) => fileId);
  const attachments = await context.hub.sessions.uploads.attachments(fileIds, context.caller);
  const prompt = { text, attachments, ...(input.when_open !== 'error' && { whenOpen: input.when_open }) };
  return await desk.sendTo(input.session_id, { operation, prompt, whenBusy, idempotencyKey }, context);
}

const viewSent = ({ turn, session, via, position, cursor, forkedFrom }: Sent) => ({
  ok: true,
  via,
  sessionId: session.id,
  turnId: turn.id,
  ...((via === 'queue' || via === 'channel') && { position }),
  ...(forkedFrom !== undefined && { forkedFrom }),
  cursor: cursorOf(session.id, cursor),
});
