import { randomUUID } from 'node:crypto';
import type { AgentSessionRecord, PermissionRecord, PermissionState } from '../../../store/agents/rows.ts';
import type { JsonObject } from '../../../store/rows.ts';
import type { Foundation } from '../../foundation.ts';
import type { Peers } from '../../hub.ts';
import type { SessionLink } from '../session-link.ts';
import type { SessionLog } from '../session-log.ts';
import { showsDialog } from './dialog-look.ts';
import type { Hook } from './hook.ts';
import {
  type Asked,
  type LocalSign,
  localSignSchema,
  showsAnswer,
  type StatusSign,
  statusSignSchema,
  toolKey,
} from './local-answers.ts';
import { endedCalls, type Transcripts } from './transcript-look.ts';

/** Requests that one caller's terminals may have waiting at a hub; one beyond is left to its terminal. */
const MOST_HELD = 64;
const MAX_PREVIEW = 500;
const ANSWERED = 'terminal.answered';
const SIGN = 'terminal.sign';
const STATUS = 'terminal.status';

type End = { readonly state: Exclude<PermissionState, 'pending'>; readonly by: string };
const IN_TERMINAL: End = { state: 'resolved_locally', by: 'terminal' };
const TOO_LATE: End = { state: 'expired', by: 'timeout' };
const HUB_GONE: End = { state: 'expired', by: 'server' };

interface Held extends Asked {
  readonly worker: string;
  readonly toolName: string;
  /** The terminal was seen to show a dialog. */
  hasDialog?: boolean;
  /** Somebody looks for its dialog, or has looked. */
  isLookedFor?: boolean;
  /** Set once something shows how it ended, unless an answer was first. */
  end?: End;
  /** Calls like it that had ended when it was asked. */
  endedBefore?: Set<string>;
  woken: PromiseWithResolvers<void>;
}

export interface Waiting {
  /** Aborted when the terminal closes its request. */
  readonly gone: AbortSignal;
  /** Aborted when this hub ends. */
  readonly closing: AbortSignal;
}

interface Parts {
  readonly history: Transcripts;
  readonly link: Pick<SessionLink, 'ask'>;
  readonly log: Pick<SessionLog, 'wake'>;
  readonly peers: Pick<Peers, 'hear' | 'tell'>;
}

type Ground = Pick<Foundation, 'background' | 'config' | 'id' | 'store' | 'timing'>;

/**
 * Requests for leave that wait in terminals. Each is a record, and the reply to the hook is held by the hub that got it. The first
 * end wins in the database, wherever it comes from; the hub that holds the reply hears of it, or sees it at its next look.
 */
export class TerminalRequests {
  readonly #foundation: Ground;
  readonly #parts: Parts;
  readonly #held = new Map<string, Held>();

  constructor(foundation: Ground, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    background.every(timing.retryMs, 'look after requests of terminals', () => this.#look());
    parts.peers.hear(ANSWERED, ({ id }) => this.#wake(String(id)));
    parts.peers.hear(STATUS, seen => this.#see(statusSignSchema.parse(seen)));
    parts.peers.hear(SIGN, sign => this.#compare(localSignSchema.parse(sign)));
  }

  /** Settles with the reply for the hook: what was answered, or nothing when the terminal itself or nobody did. */
  async hold(hook: Hook, session: AgentSessionRecord, waiting: Waiting): Promise<JsonObject> {
    const { caller } = session;
    const { tool = { name: 'unknown', input: {} } } = hook;
    if ([...this.#held.values()].filter(one => one.caller === caller).length >= MOST_HELD) return {};
    const id = randomUUID();
    const held: Held = {
      ...{ caller, sessionId: hook.sessionId, worker: session.worker, toolName: tool.name, tool: toolKey(tool) },
      ...{ subagent: hook.subagent ?? null, woken: Promise.withResolvers<void>() },
    };
    // Before it is written down, so that no sign of its end is missed.
    this.#held.set(id, held);
    const gone = () => this.#end(id, IN_TERMINAL);
    const closing = () => this.#end(id, HUB_GONE);
    waiting.gone.addEventListener('abort', gone, { once: true });
    waiting.closing.addEventListener('abort', closing, { once: true });
    try {
      if (waiting.gone.aborted || waiting.closing.aborted) return {};
      await this.#ask(id, tool, session);
      this.#foundation.background.run('look at a transcript', () => this.#remember(held));
      this.#lookForDialog(held);
      return replyOf(await this.#untilEnded(id, held));
    } finally {
      waiting.gone.removeEventListener('abort', gone);
      waiting.closing.removeEventListener('abort', closing);
      this.#held.delete(id);
    }
  }

  /** The first answer wins; undefined: there is no such request. */
  async answer(
    { id, worker: hub }: PermissionRecord,
    { state, answer }: { state: 'allowed' | 'denied'; answer: JsonObject },
  ): Promise<{ record: PermissionRecord; isFirst: boolean } | undefined> {
    // Nobody would bring the answer to the terminal.
    const isHeld = hub === this.#foundation.id ? this.#held.has(id) : await this.#isLive(hub);
    const ended = isHeld ? undefined : await this.#settle(id, HUB_GONE, null);
    if (ended !== undefined) return { record: ended.record, isFirst: false };
    const outcome = await this.#settle(id, { state, by: 'caller' }, answer);
    this.#wake(id);
    if (outcome?.isFirst === true && hub !== this.#foundation.id) this.#parts.peers.tell(ANSWERED, { id });
    return outcome;
  }

  /** What a later hook shows about requests that wait, here or at another hub. */
  note(sign: LocalSign): void {
    this.#compare(sign);
    this.#parts.peers.tell(SIGN, { ...sign });
  }

  /** A dialog that is there no more was answered, also when what it allowed goes on for long. */
  noteStatus({ agentSessionId, status }: StatusSign): void {
    this.#see({ agentSessionId, status });
    this.#parts.peers.tell(STATUS, { agentSessionId, status });
  }

  async #ask(id: string, { name, input }: NonNullable<Hook['tool']>, session: AgentSessionRecord): Promise<void> {
    const { store, config, id: hub } = this.#foundation;
    const { description } = input;
    const asked = {
      ...{ id, sessionId: session.id, caller: session.caller, worker: hub, epoch: 0, source: 'terminal' as const },
      ...{ toolName: name, description: typeof description === 'string' ? description : name, input },
      ...{ remember: ['once' as const], holdSeconds: config.sessions.hooks.hold_seconds },
    };
    await store.terminals.ask(asked, record => ({ type: 'permission_request', body: { request: shown(record) } }));
    await this.#parts.log.wake(session.id);
  }

  async #untilEnded(id: string, held: Held): Promise<PermissionRecord | undefined> {
    const { permissions } = this.#foundation.store;
    while (true) {
      if (held.end !== undefined) return (await this.#settle(id, held.end, null))?.record;
      const record = await permissions.get(id);
      if (record?.state !== 'pending') return record;
      await held.woken.promise;
      held.woken = Promise.withResolvers();
    }
  }

  /** What is over, and what nobody holds any more; what was answered elsewhere; and what the transcripts show. */
  async #look(): Promise<void> {
    const { store } = this.#foundation;
    const pending = await store.terminals.pending();
    const waits = new Set(pending.map(({ id }) => id));
    for (const id of this.#held.keys()) if (!waits.has(id)) this.#wake(id);
    if (pending.length === 0) return;
    const hubs = new Set(await store.hubs.live());
    for (const { id, worker: hub, isOverdue } of pending) {
      const end = isOverdue ? TOO_LATE : HUB_GONE;
      if (isOverdue || !(hub === this.#foundation.id ? this.#held.has(id) : hubs.has(hub))) {
        await this.#settle(id, end, null);
        this.#wake(id);
      }
    }
    for (const held of this.#held.values()) this.#lookForDialog(held);
    await Promise.all([...this.#held].map(([id, held]) => this.#readTranscript(id, held)));
  }

  /**
   * What is told of terminals are changes, and some come late: one that shows dialog after dialog seems to wait all the time, and one
   * whose user is quick never to wait. That the dialog was there must be known, for `claude -p` asks too and shows none.
   */
  #lookForDialog(held: Held): void {
    if (held.hasDialog === true || held.isLookedFor === true) return;
    held.isLookedFor = true;
    const { background } = this.#foundation;
    background.run('look for a dialog', async () => {
      const { sessionId: agentSessionId, worker } = held;
      const shows = await showsDialog(this.#parts.link, { agentSessionId, worker, signal: background.signal });
      if (shows === true) held.hasDialog = true;
      // Asked again at the next look after requests.
      if (shows === undefined) held.isLookedFor = false;
    });
  }

  async #remember(held: Held): Promise<void> {
    held.endedBefore ??= await this.#ended(held);
  }

  async #readTranscript(id: string, held: Held): Promise<void> {
    const before = held.endedBefore;
    if (before === undefined) return await this.#remember(held);
    const now = await this.#ended(held);
    if (now !== undefined && [...now].some(call => !before.has(call))) this.#end(id, IN_TERMINAL);
  }

  #ended({ sessionId: agentSessionId, ...held }: Held): Promise<Set<string> | undefined> {
    return endedCalls(this.#parts.history, { ...held, agentSessionId });
  }

  #see({ agentSessionId, status }: StatusSign): void {
    for (const [id, held] of this.#held) {
      if (held.sessionId !== agentSessionId) continue;
      if (status === 'waiting') held.hasDialog = true;
      else if (held.hasDialog === true || status === 'closed') this.#end(id, IN_TERMINAL);
    }
  }

  #compare(sign: LocalSign): void {
    const [ended] = [...this.#held].filter(([, held]) => held.end === undefined && showsAnswer(sign, held));
    // A tool that was used is one call, the end of a turn ends all of it.
    if (ended !== undefined) this.#end(ended[0], IN_TERMINAL);
    if (ended !== undefined && sign.tool === null) this.#compare(sign);
  }

  #end(id: string, end: End): void {
    const held = this.#held.get(id);
    if (held !== undefined) held.end ??= end;
    this.#wake(id);
  }

  #wake(id: string): void {
    this.#held.get(id)?.woken.resolve();
  }

  async #isLive(hub: string): Promise<boolean> {
    return (await this.#foundation.store.hubs.live()).includes(hub);
  }

  async #settle(requestId: string, { state, by }: End, answer: JsonObject | null) {
    const event = { type: 'permission_resolved', body: { requestId, state, by } };
    const outcome = await this.#foundation.store.terminals.settle(requestId, { state, answer }, event);
    if (outcome?.isFirst === true) await this.#parts.log.wake(outcome.record.sessionId);
    return outcome;
  }
}

const shown = ({ id: requestId, sessionId, toolName, description, input, ...rest }: PermissionRecord): JsonObject => ({
  ...{ requestId, sessionId, toolName, description, input, source: rest.source, state: rest.state },
  ...{ createdAt: rest.createdAt, expiresAt: rest.expiresAt, remember: [...rest.remember] },
  inputPreview: JSON.stringify(input).slice(0, MAX_PREVIEW),
});

/** In the words of Claude Code; an empty reply leaves it to the terminal. */
function replyOf(record: PermissionRecord | undefined): JsonObject {
  if (record?.state !== 'allowed' && record?.state !== 'denied') return {};
  const { message, updatedInput } = record.answer ?? {};
  const decision =
    record.state === 'allowed'
      ? { behavior: 'allow', ...(updatedInput !== undefined && { updatedInput }) }
      : { behavior: 'deny', ...(message !== undefined && { message }) };
  return { hookSpecificOutput: { hookEventName: 'PermissionRequest', decision } };
}
