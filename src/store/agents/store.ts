import type { EventRecord, JsonObject } from '../rows.ts';
import type { Page, PageQuery } from '../page.ts';
import type {
  AgentSessionRecord,
  CallerStateRecord,
  PermissionRecord,
  PermissionState,
  SessionState,
  TurnEndState,
  TurnRecord,
  UploadRecord,
} from './rows.ts';

export type NewAgentSession = Omit<
  AgentSessionRecord,
  'epoch' | 'reported' | 'createdAt' | 'updatedAt' | 'lastMessageAt' | 'statusReason'
>;

export type SessionPatch = Partial<
  Pick<
    AgentSessionRecord,
    | 'agentSessionId'
    | 'title'
    | 'model'
    | 'permissionMode'
    | 'status'
    | 'statusReason'
    | 'usage'
    | 'messageCount'
    | 'lastMessageAt'
    | 'metadata'
  >
>;

export type NewPermission = Omit<
  PermissionRecord,
  'state' | 'answer' | 'isDelivered' | 'createdAt' | 'expiresAt' | 'resolvedAt'
> & { readonly holdSeconds: number };

export interface NewSessionEvent {
  readonly type: string;
  readonly body: JsonObject;
}

/** What a worker tells of a session that it drives, with all that follows from it. */
export interface SessionReport {
  readonly sessionId: string;
  readonly worker: string;
  readonly epoch: number;
  /** Number of the first event among all that were told in this epoch, from 1. */
  readonly first: number;
  readonly events: readonly NewSessionEvent[];
  readonly patch?: SessionPatch;
  readonly asked?: readonly Omit<NewPermission, 'caller'>[];
  readonly settled?: readonly { readonly id: string; readonly state: Exclude<PermissionState, 'pending'> }[];
  readonly ended?: readonly TurnEnding[];
}

export interface TurnEnding {
  readonly id: string;
  readonly state: TurnEndState;
  readonly result: JsonObject;
}

/** What whoever follows it needs to know of a session to which something was added. */
export type SessionAddedTo = Pick<AgentSessionRecord, 'id' | 'caller' | 'workspaceId' | 'parentId'>;

/** What was added to the log of a session, and to the feed of its caller, which names where the others are. */
export interface LoggedEvents {
  readonly events: readonly EventRecord[];
  readonly ranges: readonly EventRecord[];
}
export type LoggedSession = SessionAddedTo & { readonly logged: LoggedEvents };

/** `reported`: how many events of this epoch are written now; `session`: absent when that was nothing new. */
export type ReportOutcome =
  | { readonly reported: number; readonly session?: LoggedSession }
  | { readonly fenced: true }
  | { readonly gap: number };

/** Where one is to be live, CAPACITY_EXCEEDED is thrown when `perCaller` others of its caller are. */
export interface LiveLimit {
  readonly perCaller?: number;
}

export interface AgentSessionStore {
  /** Epoch 1. One of this id that is there already stays as it is and is answered. */
  insert(session: NewAgentSession, options?: LiveLimit): Promise<AgentSessionRecord>;
  get(id: string): Promise<AgentSessionRecord | undefined>;
  /** Those of one caller with these ids of their agents. */
  byAgentSession(caller: string, agentSessionIds: readonly string[]): Promise<AgentSessionRecord[]>;
  /** The agents' own ids of the sessions of one caller, or of all other callers; `among`: of these only. */
  agentIds(of: { caller: string; others?: boolean; among?: readonly string[] }): Promise<string[]>;
  /** Newest first, by the last change. */
  list(
    query: PageQuery & {
      caller: string;
      agent?: string;
      worker?: string;
      status?: string;
      slug?: string;
      title?: string;
      since?: number;
    },
  ): Promise<Page<AgentSessionRecord>>;
  /** False when the epoch has moved on, or it is gone. */
  update(id: string, at: { epoch: number; status?: SessionState } | 'any', patch: SessionPatch): Promise<boolean>;
  /** A start of its agent: raises the epoch, status `starting`. Undefined when somebody else was first. */
  claim(
    id: string,
    from: { epoch: number },
    to: { worker: string },
    options?: LiveLimit,
  ): Promise<AgentSessionRecord | undefined>;
  /** Those that a worker drives now: starting, idle, running, waiting for a permission. */
  live(worker?: string): Promise<AgentSessionRecord[]>;
  children(parentId: string): Promise<AgentSessionRecord[]>;
  /** What hubs themselves add to the log of a session, with what follows from it; undefined when it is gone. */
  append(id: string, events: readonly NewSessionEvent[], patch?: SessionPatch): Promise<LoggedSession | undefined>;
  /**
   * Writes events and all that follows from them in one transaction, once, however often it is told. Events that were told before
   * are left out, and the rest of a report with no new event changes nothing.
   */
  report(report: SessionReport): Promise<ReportOutcome>;
}

export type NewTurn = Pick<TurnRecord, 'id' | 'sessionId' | 'caller' | 'prompt' | 'expiresAt'> & {
  readonly state: 'queued' | 'waiting';
};

export interface Enqueued {
  readonly turn: TurnRecord;
  /** Among those that wait; 1 is next. */
  readonly position: number;
  /** Another one was running. */
  readonly isBehind: boolean;
  /** It began with this, so whoever did this is to give it to its agent. */
  readonly hasBegun: boolean;
  /** Position of the last event of the session's log. */
  readonly lastSeq: number;
}

export interface EnqueueOptions {
  readonly most: number;
  readonly beginAt?: number;
}

export interface BegunAtOnce {
  /** Of the session, like the epoch. */
  readonly worker: string;
  readonly epoch: number;
  /** Position of the last event of the session's log, before the turn. */
  readonly lastSeq: number;
}

export interface TurnStore {
  /**
   * Refused when so many wait for this session already. One of this id that is there is answered as it is. `beginAt`: a prompt that
   * is queued and finds none before it begins with that, if the session is live at this epoch.
   */
  enqueue(turn: NewTurn, options: EnqueueOptions): Promise<Enqueued | 'full'>;
  /**
   * Begins in the same moment: for a session of this caller that is live, has no open turn, and whose worker has told of no terminal that
   * has it. Undefined where that is not so; then nothing was written.
   */
  beginAtOnce(
    turn: Pick<NewTurn, 'id' | 'sessionId' | 'caller'> & { prompt: object },
  ): Promise<BegunAtOnce | undefined>;
  /** Also refused when the session is open in a terminal, as its worker told last. */
  enqueueUnlessOpen(turn: NewTurn, options: EnqueueOptions): Promise<Enqueued | 'full' | 'open'>;
  get(id: string): Promise<TurnRecord | undefined>;
  /** The oldest that is queued begins, if none is running. */
  begin(sessionId: string, epoch: number): Promise<TurnRecord | undefined>;
  /** It did not reach its agent after all, and waits again; false when it has ended. */
  retract(id: string): Promise<boolean>;
  /** One end, the first. */
  end(turn: TurnEnding): Promise<boolean>;
  /** It waits for its session to become free, in the way that its prompt says from now on; false when it has ended. */
  hold(id: string, to: { prompt: JsonObject; expiresAt: number }): Promise<boolean>;
  /** Those that wait for a session which is free now are queued for its agent, whatever they waited for. */
  release(sessionId: string): Promise<number>;
  /** Not ended, in their order; of one session, or of all. */
  open(sessionId?: string): Promise<TurnRecord[]>;
  /** Ends those that waited too long; they are answered. */
  expire(): Promise<TurnRecord[]>;
}

/** The end of a turn of a child of which its parent has not heard all. */
export interface TurnNotice {
  readonly turn: TurnRecord;
  /** Its parent has the event, and is still to get the prompt. */
  readonly isTold: boolean;
}

/** Whether a parent gets a prompt: `later`: too many wait there already. */
export type Prompting = 'now' | 'later' | 'never';

/** Sessions that other sessions have begun, and what those hear of their ends: each once, whatever dies meanwhile. */
export interface FamilyStore {
  /** As `AgentSessionStore.insert`; refused when its parent has so many children that were neither closed nor have failed. */
  insertChild(
    session: NewAgentSession & { parentId: string },
    options: { most: number } & LiveLimit,
  ): Promise<AgentSessionRecord | 'full'>;
  /** The oldest ends first. */
  notices(limit: number): Promise<TurnNotice[]>;
  /**
   * Tells the parent of the end of the turn, and gives it the prompt where there is one and fewer than `most` wait. Undefined when
   * that was done before. `event` is appended to the log of the parent, once.
   */
  tellTurn(
    turnId: string,
    told: {
      parent: Pick<AgentSessionRecord, 'id' | 'caller'>;
      event(prompting: Prompting): NewSessionEvent;
      prompt?: { id: string; body: JsonObject; most: number };
    },
  ): Promise<Prompting | undefined>;
  /** Nobody will hear of it, or get the prompt that was owed. */
  settle(turnId: string): Promise<void>;
  /** Children that were closed or have failed, of which their parents have not heard. */
  ended(limit: number): Promise<AgentSessionRecord[]>;
  /** False when the parent knew. */
  tellEnd(
    child: Pick<AgentSessionRecord, 'id' | 'epoch'>,
    told: { parent: Pick<AgentSessionRecord, 'id' | 'caller'>; event: NewSessionEvent },
  ): Promise<boolean>;
}

export interface PermissionStore {
  insert(permission: NewPermission): Promise<PermissionRecord>;
  get(id: string): Promise<PermissionRecord | undefined>;
  list(
    query: PageQuery & { caller: string; sessionId?: string; pendingOnly: boolean },
  ): Promise<Page<PermissionRecord>>;
  /** The first answer wins; what the record is now. Undefined when there is none. */
  resolve(
    id: string,
    to: { state: Exclude<PermissionState, 'pending'>; answer: JsonObject | null },
  ): Promise<{ record: PermissionRecord; isFirst: boolean } | undefined>;
  delivered(id: string): Promise<void>;
  /** Answered, and whoever asked has not got the answer. */
  undelivered(): Promise<PermissionRecord[]>;
  /** Ends those of sessions that are driven here whose time is over; they are answered. */
  expire(): Promise<PermissionRecord[]>;
}

export interface UploadStore {
  /** Throws CAPACITY_EXCEEDED when more than `mostBytes` of its caller would be kept. */
  insert(upload: Omit<UploadRecord, 'createdAt'>, options?: { mostBytes?: number }): Promise<UploadRecord>;
  /** Those of these ids that are the caller's, in no order. */
  ofCaller(caller: string, ids: readonly string[]): Promise<UploadRecord[]>;
  /** Forgets those from before a time; the number of rows. A prompt that waits keeps the bytes it names. */
  prune(before: number): Promise<number>;
}

export interface CallerStateStore {
  get(caller: string): Promise<CallerStateRecord>;
  /** `change` makes the new state of the old one, and may throw. `ifVersion`: only of that version, else undefined. */
  update(
    caller: string,
    change: (state: JsonObject) => JsonObject,
    options: { ifVersion?: number },
  ): Promise<CallerStateRecord | undefined>;
}
