import type { AgentUpdate } from '../../driver.ts';

/** What a version of the protocol says while a session is live, as updates. One per session. */
export interface AcpCodec {
  /** A prompt was given. */
  begin(prompt: { id: string; text: string }): AgentUpdate[];
  /** What the agent tells; what is not known is nothing. */
  of(update: unknown): AgentUpdate[];
  /** What stands open when the turn ends is closed. */
  end(): AgentUpdate[];
  /** Why the agent says that the turn failed, although it ended like any other. */
  failure(): string | undefined;
  /** What the session has cost, as far as the agent told. */
  costUsd(): number | null;
}
