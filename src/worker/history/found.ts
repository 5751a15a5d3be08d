import type { JsonObject } from '../../protocol/json.ts';

/** What readers find in transcripts and hand to the index, whatever the agent. */

export type Role = 'user' | 'assistant' | 'system';

/** A part as it is stored: its ids follow from its message and its place. */
export type FoundPart =
  | { readonly type: 'text' | 'thinking'; readonly text: string; readonly truncated?: boolean }
  | {
      readonly type: 'tool_use';
      /** The agent's id of the call. */
      readonly call: string;
      readonly tool: string;
      readonly input: JsonObject;
      /** Absent: the result stands in a message of its own. */
      readonly state?: 'running' | 'completed' | 'error';
      readonly resultText?: string;
      readonly truncated?: boolean;
    }
  | {
      readonly type: 'tool_result';
      readonly call: string;
      readonly content: string;
      readonly isError?: boolean;
      readonly truncated?: boolean;
    }
  | { readonly type: 'system'; readonly subtype: string; readonly data: JsonObject };

export interface FoundMessage {
  /** Unique within its session. */
  readonly uid: string;
  readonly parent: string | null;
  readonly role: Role;
  readonly time: number;
  readonly model?: string;
  /** The model's answer that the message is a piece of. */
  readonly answer?: string;
  /** Of a subagent. */
  readonly isSidechain?: boolean;
  /** Written by the program, not by a person or the model. */
  readonly isMeta?: boolean;
  readonly parts: readonly FoundPart[];
}

/** One call of a model and what it used. Tokens of caches are not among `inputTokens`. */
export interface FoundCall {
  /** Unique over all sessions of the agent: copies in forks have the same. */
  readonly id: string;
  readonly model: string;
  readonly time: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costUsd?: number;
  /** The transcript marks it as another session's. */
  readonly isCopy?: boolean;
}

/** The running total of one process of the agent, or of several that went on with each other's. */
export interface FoundTotal {
  readonly startTime: number;
  readonly costUsd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costByModel: Readonly<Record<string, number>>;
}

export interface SessionFacts {
  readonly cwd?: string;
  readonly createdAt?: number;
  readonly title?: string;
  readonly model?: string;
  readonly permissionMode?: string;
  /** The agent's id of the session that it was forked from. */
  readonly forkedFrom?: string;
}

/** Where a title is from, the weakest first: a stronger one is never replaced by a weaker one. */
export const titleRanks = { prompt: 0, summary: 1, agent: 2, user: 3 } as const;
export type TitleSource = keyof typeof titleRanks;

/** Takes what was found in one session, in the order of the file. */
export interface SessionSink {
  facts(facts: SessionFacts, titleSource?: TitleSource): void;
  message(message: FoundMessage): void;
  /** A message that is only taken when none of its id is there. */
  messageIfAbsent(message: FoundMessage): void;
  /** An entry of the conversation's tree that is no message. A `leafless` one is never the end of the conversation. */
  treeEntry(entry: { uid: string; parent: string | null; isLeafless: boolean }): void;
  /** A compaction moved messages in the tree. */
  relink(relink: Relink): void;
  call(call: FoundCall): void;
  total(total: FoundTotal): void;
}

/** After a compaction: what was kept hangs below `anchor`, and what hung below `anchor` hangs below the last that was kept. */
export interface Relink {
  readonly anchor: string;
  /** Those that were kept, in order; or only the first and the last of them. */
  readonly kept: readonly string[];
  readonly areAll: boolean;
}

/** What a reader counts besides. */
export interface LineCounts {
  bad: number;
  unknown: number;
}

/** Reads a transcript's lines one after the other. */
export interface LineReader {
  /** `line` holds no line break and is only valid during the call. */
  read(line: Buffer): void;
  /** What it needs to go on at this place in another process. */
  state(): JsonObject;
}

export interface LineReaderOptions {
  /** Of the file, absolute. */
  readonly path: string;
  readonly state: JsonObject;
  readonly counts: LineCounts;
  /** The sink of a session of this agent; the same one for the same id. */
  open(agentSessionId: string): SessionSink;
}
