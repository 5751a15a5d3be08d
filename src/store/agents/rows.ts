import type { JsonObject } from '../rows.ts';

export const sessionStates = [
  'starting',
  'idle',
  'running',
  'waiting_permission',
  'parked',
  'mirror',
  'closed',
  'failed',
] as const;
export type SessionState = (typeof sessionStates)[number];

export const permissionModes = ['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions'] as const;
export const rememberWords = ['once', 'session', 'always'] as const;

/** A session with a coding agent that was created or gone on with here. */
export interface AgentSessionRecord {
  readonly id: string;
  readonly caller: string;
  readonly agent: string;
  /** The agent's own id; null until it has started. */
  readonly agentSessionId: string | null;
  /** The worker that drives it, and the epoch of that: each start of the agent raises it. */
  readonly worker: string;
  readonly epoch: number;
  readonly workspaceId: string | null;
  readonly slug: string;
  readonly cwd: string;
  readonly title: string;
  readonly model: string | null;
  readonly permissionMode: (typeof permissionModes)[number];
  readonly status: SessionState;
  readonly statusReason: string | null;
  /** The session that created it, as one agent directs others. */
  readonly parentId: string | null;
  readonly forkedFrom: string | null;
  readonly atMessageId: string | null;
  readonly usage: JsonObject;
  readonly messageCount: number;
  readonly metadata: JsonObject;
  /** Reports of the worker in this epoch that are written. */
  readonly reported: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastMessageAt: number | null;
}

/** `queued` and `waiting` have not reached the agent; `interrupted` has, and how it ended is not known. */
export type TurnState =
  | 'queued'
  | 'waiting'
  | 'running'
  | 'completed'
  | 'aborted'
  | 'failed'
  | 'expired'
  | 'interrupted';
export type TurnEndState = Exclude<TurnState, 'queued' | 'waiting' | 'running'>;

/** A prompt that was accepted, and what became of it. */
export interface TurnRecord {
  readonly id: string;
  readonly sessionId: string;
  readonly caller: string;
  readonly state: TurnState;
  readonly prompt: JsonObject;
  /** Of the session when the agent got it. */
  readonly epoch: number | null;
  readonly result: JsonObject | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Until then it waits for the session to become free; null: as long as it takes. */
  readonly expiresAt: number | null;
}

export type PermissionState = 'pending' | 'allowed' | 'denied' | 'expired' | 'resolved_locally';

export interface PermissionRecord {
  readonly id: string;
  readonly sessionId: string;
  readonly caller: string;
  /** Who waits for the answer: the worker that drives the session, or the hub that a terminal asked. */
  readonly worker: string;
  readonly epoch: number;
  readonly source: 'session' | 'terminal';
  readonly toolName: string;
  readonly description: string;
  readonly input: JsonObject;
  readonly remember: readonly (typeof rememberWords)[number][];
  readonly state: PermissionState;
  /** What was answered, once it was. */
  readonly answer: JsonObject | null;
  /** Whoever asked has the answer. */
  readonly isDelivered: boolean;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly resolvedAt: number | null;
}

/** A file that a caller gave for a prompt; its bytes are a blob. */
export interface UploadRecord {
  readonly id: string;
  readonly caller: string;
  readonly sessionId: string;
  readonly name: string;
  readonly contentType: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly createdAt: number;
}

/** What one caller keeps here: markers, preferences, recent directories. */
export interface CallerStateRecord {
  readonly caller: string;
  readonly version: number;
  readonly state: JsonObject;
}
