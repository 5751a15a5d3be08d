import type { ReadOnlyMount } from '../sandbox/engine.ts';
import type { AgentStarter, Exit } from './processes/agent-process.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { AgentKind, Message, Part, PermissionMode, Remember, Usage } from '../../protocol/sessions.ts';

/** What speaks to one kind of agent. */
export interface Driver {
  readonly kind: string;
  /** What is installed here and what it can do. Starts no session. */
  describe(signal: AbortSignal): Promise<AgentKind>;
  /**
   * Starts the agent's process, or a session in one that runs already, and settles when it takes prompts. Throws AGENT_UNAVAILABLE,
   * CAPABILITY_UNSUPPORTED for a mode or model that it lacks, SESSION_NOT_FOUND for a session to resume that it does not know.
   */
  open(request: OpenRequest, host: DriverHost): Promise<LiveAgent>;
  /** Copies a session of the agent's own up to a message, and leaves no process; the new agent's session id. Absent: it cannot. */
  readonly fork?: (request: ForkRequest) => Promise<{ agentSessionId: string }>;
  /** Starts the agent ahead of a new session, as `open` does. Absent: there is nothing to gain by it. */
  readonly warm?: (request: WarmRequest) => Promise<WarmAgent>;
  /** Absent: it cannot run in boxes. */
  readonly boxed?: BoxNeeds;
}

export interface OpenRequest {
  /** Ours, a UUID. */
  readonly sessionId: string;
  /** Existing directory, absolute. */
  readonly cwd: string;
  /** The agent's own id of the session to go on with; absent: a new one. */
  readonly resume?: string;
  readonly model?: string;
  readonly permissionMode: PermissionMode;
  /** What a session to go on with had used, for agents that count from each start of theirs. */
  readonly used?: Usage;
  /** Where the agent runs, and `cwd` is, unless it is this machine itself. */
  readonly box?: AgentBox;
  readonly signal: AbortSignal;
}

/** What an agent is started with before it is known for which session. */
export type WarmRequest = Pick<OpenRequest, 'cwd' | 'model' | 'permissionMode' | 'signal'>;

/** An agent that has started and waits for its session. */
export interface WarmAgent {
  /** Once, for a new session with the same directory, model and mode. When it throws nothing is left running. */
  open(request: OpenRequest, host: DriverHost): Promise<LiveAgent>;
  /** For one that is not needed. Settles when its process tree is gone. */
  close(): Promise<void>;
  readonly exited: Promise<Exit>;
}

/** The inside of a workspace's sandbox, as a driver sees it. */
export interface AgentBox {
  /** Sessions of one agent in the same box may share a process. */
  readonly key: string;
  /** First words of the agent's command there. */
  readonly command: readonly [string, ...string[]];
  /** First words of the command that copies a session there, for agents that cannot themselves. */
  readonly forkCommand?: AgentBox['command'];
  /** The whole of it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: AgentStarter;
}

/** What an agent needs to run in boxes. */
export interface BoxNeeds {
  /** Its program, to be laid out below `base`. Throws AGENT_UNAVAILABLE, saying why it cannot be brought into a box. */
  program(base: string): Promise<BoxProgram>;
  /** Where its models are, as `host` or `host:port`. */
  readonly modelHosts: readonly string[];
  /** Variables besides HOME, which is `home`. */
  environment(home: string): Readonly<Record<string, string>>;
}

export interface BoxProgram {
  readonly command: AgentBox['command'];
  readonly forkCommand?: AgentBox['command'];
  readonly mounts: readonly ReadOnlyMount[];
}

export interface ForkRequest {
  readonly agentSessionId: string;
  readonly cwd: string;
  /** The agent's id of the last message that is copied; absent: all. */
  readonly atMessageId?: string;
  readonly title?: string;
  /** Where its transcript is, unless that is this machine itself. */
  readonly box?: AgentBox;
}

/** What a driver tells and asks while a session is live. */
export interface DriverHost {
  /** In the order in which they happened. */
  emit(update: AgentUpdate): void;
  /**
   * Settles when somebody answered, or says `cancelled` when the turn, tool or process ended first. The driver aborts `signal` when the
   * agent no longer waits, such as when something else answered.
   */
  ask(question: PermissionQuestion, signal: AbortSignal): Promise<PermissionAnswer>;
  /** A process was started for the session; recorded on disk before it gets any work, so that it can be reaped after a crash. */
  spawned(process: { readonly pid: number }): Promise<void>;
}

/** All upserts by id, so that hearing one twice does no harm. */
export type AgentUpdate =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'part'; readonly part: Part }
  /** Text that a text or thinking part gained since it was last told of. */
  | { readonly kind: 'delta'; readonly messageId: string; readonly partId: string; readonly delta: string }
  | { readonly kind: 'part_completed'; readonly messageId: string; readonly partId: string }
  | {
      readonly kind: 'subagent';
      readonly state: 'started' | 'completed' | 'failed';
      readonly partId: string;
      readonly toolUseId: string;
      readonly subagentType: string;
      readonly description: string;
    }
  | { readonly kind: 'title'; readonly title: string }
  | { readonly kind: 'mode'; readonly mode: PermissionMode }
  | { readonly kind: 'model'; readonly model: string }
  /** Sums of the session so far. */
  | { readonly kind: 'usage'; readonly usage: Usage };

export interface PermissionQuestion {
  readonly requestId: string;
  readonly toolName: string;
  /** One line for people. */
  readonly description: string;
  readonly input: JsonObject;
  /** What the agent can keep in mind. */
  readonly remember: readonly Remember[];
}

export type PermissionAnswer =
  | { readonly behavior: 'allow'; readonly remember: Remember; readonly updatedInput?: JsonObject }
  /** `isExpired`: nobody answered in time. */
  | { readonly behavior: 'deny'; readonly remember: Remember; readonly message: string; readonly isExpired?: boolean }
  | { readonly behavior: 'cancelled' };

export interface Prompt {
  readonly turnId: string;
  readonly text: string;
  /** `seenAs`: the path of it as the agent sees it, where that is another. */
  readonly attachments: readonly { readonly path: string; readonly contentType: string; readonly seenAs?: string }[];
}

export interface TurnEnd {
  readonly outcome: 'completed' | 'aborted' | 'failed';
  /** For `failed`: what the agent said, without secrets or host paths. */
  readonly error?: string;
  /** Of this turn alone; absent where the agent does not tell. */
  readonly usage?: Usage;
  readonly durationMs: number;
}

/** A session that takes prompts, one turn at a time. */
export interface LiveAgent {
  readonly agentSessionId: string;
  /** Settles when the turn is over; rejects only when the process ended, with SESSION_FAILED. */
  prompt(prompt: Prompt): Promise<TurnEnd>;
  /** Ends the running turn, if there is one; the session stays usable. */
  interrupt(): Promise<void>;
  /** Ends the session and, where no other uses it, the whole process tree. Settles when they are gone. */
  close(): Promise<void>;
  /** Settles when the process ended by itself. */
  readonly exited: Promise<Exit>;
}
