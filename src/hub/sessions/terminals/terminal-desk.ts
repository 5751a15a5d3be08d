import { createHash, randomBytes } from 'node:crypto';
import type { JsonObject } from '../../../store/rows.ts';
import type { Foundation } from '../../foundation.ts';
import type { Peers } from '../../hub.ts';
import type { WorkerBook } from '../../workers.ts';
import type { HistoryDesk } from '../history-desk.ts';
import type { Mirror } from '../presence/mirror.ts';
import type { SessionLink } from '../session-link.ts';
import type { SessionLog } from '../session-log.ts';
import type { VisibleHistory } from '../visible-history.ts';
import { type Hook, readHook } from './hook.ts';
import { type StatusSign, signOf } from './local-answers.ts';
import { isInTerminal, StopPrompts } from './stop-prompts.ts';
import { TerminalRequests, type Waiting } from './terminal-requests.ts';
import { TerminalRows } from './terminal-rows.ts';

const PREFIX = 'bxh_';
const TOKEN_BYTES = 32;
/** That a terminal's hooks reach this hub is written down no more often than this. */
const HEARD_MS = 5_000;
const MOST_HEARD = 10_000;
/** What was heard of a session is forgotten after so long. */
const FORGET_MS = 7 * 24 * 60 * 60 * 1000;
const PRUNE_MS = 600_000;

interface Parts {
  readonly history: HistoryDesk;
  readonly link: Pick<SessionLink, 'ask'>;
  readonly log: SessionLog;
  readonly mirror: Pick<Mirror, 'looked'>;
  readonly peers: Peers;
  readonly visible: VisibleHistory;
  readonly workers: WorkerBook;
}

type Listener = (hook: Hook, caller: string) => void;

/** Sessions with Claude Code in its users' own terminals, as far as its HTTP hooks tell of them and take answers. */
export class TerminalDesk {
  readonly requests: TerminalRequests;
  readonly #foundation: Foundation;
  readonly #rows: TerminalRows;
  readonly #prompts: StopPrompts;
  readonly #heard = new Map<string, number>();
  readonly #listeners: Listener[] = [];

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.requests = new TerminalRequests(foundation, parts);
    this.#rows = new TerminalRows(foundation, parts);
    this.#prompts = new StopPrompts(foundation, parts);
    const { store } = foundation;
    foundation.background.every(PRUNE_MS, 'forget terminals', async () => {
      await store.terminals.prune((await store.now()) - FORGET_MS);
    });
  }

  /** A secret that lets hooks speak for the caller. It is not kept, so it is told this once. */
  async createToken(caller: string): Promise<string> {
    const token = `${PREFIX}${randomBytes(TOKEN_BYTES).toString('base64url')}`;
    await this.#foundation.store.terminals.addToken(hashOf(token), caller);
    return token;
  }

  /** By the SHA-256 of the token, in hex. False when it is not the caller's, or void already. */
  revokeToken(hash: string, caller: string): Promise<boolean> {
    return this.#foundation.store.terminals.removeToken(hash, caller);
  }

  /** Whose token this is; undefined: nobody's. */
  async callerOf(token: string): Promise<string | undefined> {
    if (!token.startsWith(PREFIX)) return undefined;
    return await this.#foundation.store.terminals.ownerOf(hashOf(token));
  }

  /**
   * The reply to a hook. That to a request for leave waits for an answer; all others come at once. Throws AppError VALIDATION_ERROR.
   */
  async hear(body: unknown, caller: string, waiting: Waiting): Promise<JsonObject> {
    const hook = readHook(body);
    // Its driver asks for the same leave itself.
    if (await this.#isDriven(hook.sessionId)) return {};
    await this.#note(hook, caller);
    for (const listener of this.#listeners) listener(hook, caller);
    if (hook.event === 'PermissionRequest') {
      const session = await this.#rows.take(hook, caller);
      return session === undefined ? {} : await this.requests.hold(hook, session, waiting);
    }
    this.requests.note(signOf(hook, caller));
    if (hook.event !== 'Stop' && hook.event !== 'SessionEnd') return {};
    const session = await this.#rows.find(hook.sessionId, caller);
    if (session === undefined || hook.subagent !== undefined) return {};
    if (hook.event === 'Stop') return await this.#prompts.atStop(session.id, waiting.gone);
    await this.#prompts.atEnd(session.id);
    return {};
  }

  /** Whether a hook of this session, with a token of this caller, has come since then, in epoch milliseconds. */
  async hooksReach({
    agentSessionId,
    caller,
    since,
  }: {
    agentSessionId: string;
    caller: string;
    since: number;
  }): Promise<boolean> {
    const at = await this.#foundation.store.terminals.lastHeard(agentSessionId, caller);
    return at !== undefined && at >= since;
  }

  /** Hears of every hook that comes to this hub. */
  onHook(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** The terminal that had the session, which is named as its agent does, has left it. */
  async closed(agentSessionId: string): Promise<void> {
    this.requests.noteStatus({ agentSessionId, status: 'closed' });
    const { sessions, turns } = this.#foundation.store;
    for (const { sessionId } of (await turns.open()).filter(isInTerminal)) {
      const session = await sessions.get(sessionId);
      if (session?.agentSessionId === agentSessionId) await this.#prompts.atEnd(sessionId);
    }
  }

  /** What the terminal is doing, as others see it. */
  noteStatus(seen: StatusSign): void {
    this.requests.noteStatus(seen);
  }

  async #isDriven(agentSessionId: string): Promise<boolean> {
    const live = await this.#foundation.store.sessions.live();
    return live.some(session => session.agentSessionId === agentSessionId || session.id === agentSessionId);
  }

  async #note({ sessionId, event }: Hook, caller: string): Promise<void> {
    const key = `${sessionId} ${caller}`;
    const now = performance.now();
    const last = this.#heard.get(key);
    if (event === 'SessionEnd') this.#heard.delete(key);
    else if (last === undefined || now - last > HEARD_MS) {
      if (this.#heard.size >= MOST_HEARD) this.#heard.clear();
      this.#heard.set(key, now);
      await this.#foundation.store.terminals.heard(sessionId, caller);
    }
  }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
