import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import { NotHere } from '../../protocol/link.ts';
import { permissionAnswerSchema } from '../../protocol/session-messages.ts';
import type { Remember } from '../../protocol/sessions.ts';
import type { PermissionRecord } from '../../store/agents/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { Page, PageQuery } from '../../store/page.ts';
import type { Foundation } from '../foundation.ts';
import { hashJson } from '../json.ts';
import { permissionNotPending } from './errors.ts';
import type { SessionLink } from './session-link.ts';
import type { TerminalRequests } from './terminals/terminal-requests.ts';

const DELIVER_TIMEOUT_MS = 15_000;

export interface Answer {
  readonly behavior: 'allow' | 'deny';
  readonly remember: Remember;
  readonly message?: string;
  readonly updatedInput?: JsonObject;
}

/**
 * What agents ask leave for. The first answer wins, whichever hub or surface it comes through; it is written down before it is
 * delivered, and delivered until whoever asked has it.
 */
export class PermissionDesk {
  readonly #foundation: Foundation;
  readonly #link: SessionLink;
  readonly #terminals: TerminalRequests;

  constructor(foundation: Foundation, { link, terminals }: { link: SessionLink; terminals: TerminalRequests }) {
    this.#foundation = foundation;
    this.#link = link;
    this.#terminals = terminals;
    const { background, timing } = foundation;
    background.every(timing.retryMs, 'end requests for leave', () => this.#sweep());
  }

  list(
    query: PageQuery & { caller: string; sessionId?: string; pendingOnly: boolean },
  ): Promise<Page<PermissionRecord>> {
    return this.#foundation.store.permissions.list(query);
  }

  /** `isRepeat`: it was answered in this way before. Throws PERMISSION_NOT_PENDING, CAPABILITY_UNSUPPORTED. */
  async respond(
    { sessionId, requestId, answer }: { sessionId: string; requestId: string; answer: Answer },
    caller: Pick<Caller, 'id'>,
  ): Promise<{ record: PermissionRecord; isRepeat: boolean }> {
    const { permissions } = this.#foundation.store;
    const asked = await permissions.get(requestId);
    if (asked === undefined || asked.caller !== caller.id || asked.sessionId !== sessionId)
      throw permissionNotPending(requestId, 'unknown');
    if (asked.state === 'pending') {
      await this.#refuseWhatIsNotThere(asked, answer);
      if (answer.updatedInput !== undefined) await this.#refuseUnchangeable(asked);
    }
    const told = toJson(answer);
    const state = answer.behavior === 'allow' ? 'allowed' : 'denied';
    const isTerminal = asked.source === 'terminal';
    const end = { state, answer: told } as const;
    const outcome = await (isTerminal ? this.#terminals.answer(asked, end) : permissions.resolve(requestId, end));
    if (outcome === undefined) throw permissionNotPending(requestId, 'unknown');
    const { record, isFirst } = outcome;
    if (isFirst) {
      if (!isTerminal) await this.#deliver(record);
      return { record, isRepeat: false };
    }
    const isSame = record.state === state && record.answer !== null && hashJson(record.answer) === hashJson(told);
    if (!isSame) throw permissionNotPending(requestId, record.state);
    return { record, isRepeat: true };
  }

  /** Throws CAPABILITY_UNSUPPORTED; the request waits on. */
  async #refuseWhatIsNotThere({ sessionId, remember, toolName }: PermissionRecord, answer: Answer): Promise<void> {
    if (remember.includes(answer.remember)) return;
    const session = await this.#foundation.store.sessions.get(sessionId);
    const agent = session?.agent ?? 'the agent';
    throw new AppError(
      'CAPABILITY_UNSUPPORTED',
      `${agent} does not support remember: ${answer.remember} for ${toolName}`,
      {
        hint: `answer with remember: ${remember.join(' or ')}`,
        details: { remember: [...remember] },
      },
    );
  }

  /** Only its worker knows what the agent can. Throws CAPABILITY_UNSUPPORTED, WORKER_UNREACHABLE. */
  async #refuseUnchangeable({ sessionId, worker, source }: PermissionRecord): Promise<void> {
    if (source !== 'session') return;
    const session = await this.#foundation.store.sessions.get(sessionId);
    const { agents } = await this.#link.ask(worker, 'agents.describe', {}, { timeoutMs: DELIVER_TIMEOUT_MS });
    const agent = agents.find(({ kind }) => kind === session?.agent);
    if (agent === undefined || agent.capabilities.updatedInput) return;
    throw new AppError('CAPABILITY_UNSUPPORTED', `${agent.kind} does not support updated_input`, {
      hint: 'answer without updated_input, or deny with a message that says what to do instead',
    });
  }

  async #deliver(record: PermissionRecord): Promise<void> {
    const { store, log } = this.#foundation;
    const { id: requestId, sessionId, epoch, worker } = record;
    try {
      const request = { sessionId, epoch, requestId, answer: answerOf(record) };
      await this.#link.ask(worker, 'session.answer', request, { timeoutMs: DELIVER_TIMEOUT_MS });
    } catch (error) {
      // A worker that does not drive it any more has nobody who waits; one that does not answer is asked again.
      if (!(error instanceof NotHere)) {
        log.debug({ err: error, permission: requestId }, 'an answer was not delivered yet');
        return;
      }
    }
    await store.permissions.delivered(requestId);
  }

  async #sweep(): Promise<void> {
    const { permissions } = this.#foundation.store;
    await permissions.expire();
    for (const record of await permissions.undelivered()) if (record.source === 'session') await this.#deliver(record);
  }
}

function answerOf({ state, answer }: PermissionRecord) {
  if (state === 'allowed' || state === 'denied') return permissionAnswerSchema.parse(answer);
  const message = 'nobody answered in time, so it was denied';
  return { behavior: 'deny', remember: 'once', message, isExpired: true } as const;
}

const toJson = ({ behavior, remember, message, updatedInput }: Answer): JsonObject =>
  behavior === 'allow'
    ? { behavior, remember, ...(updatedInput && { updatedInput }) }
    : { behavior, remember, message: message ?? 'it was denied' };
