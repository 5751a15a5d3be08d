import { AppError } from '../../../errors/app-error.ts';
import type { SessionMessages } from '../../../protocol/history.ts';
import type { WorkerRequest } from '../../../protocol/messages.ts';
import { toolKey } from './local-answers.ts';

const MESSAGES = 40;
const MAX_PART_CHARS = 100_000;

/** Reads what stands in transcripts. */
export interface Transcripts {
  messages(
    request: WorkerRequest<'history.messages'>,
    worker: string,
  ): Promise<{ readonly found: Pick<SessionMessages, 'messages'> } | undefined>;
}

interface Wanted {
  readonly agentSessionId: string;
  readonly worker: string;
  readonly toolName: string;
  /** See `toolKey`. */
  readonly tool: string;
}

/** Ids of the tool's latest calls that have ended, as the transcript tells; undefined when nobody can tell. */
export async function endedCalls(
  history: Transcripts,
  { agentSessionId, worker, toolName, tool }: Wanted,
): Promise<Set<string> | undefined> {
  const request = { id: agentSessionId, limit: MESSAGES, maxPartChars: MAX_PART_CHARS, include: 'all' } as const;
  try {
    const read = await history.messages(request, worker);
    if (read === undefined) return undefined;
    const parts = read.found.messages.flatMap(message => message.parts);
    const ended = parts.flatMap(part => {
      if (part.type !== 'tool_use' || part.state === 'running' || part.tool !== toolName) return [];
      // Of an input that is too large to be shown whole only the tool can be compared.
      const isSame = part.truncated === true || toolKey({ name: part.tool, input: part.input }) === tool;
      return isSame ? [part.id] : [];
    });
    return new Set(ended);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
