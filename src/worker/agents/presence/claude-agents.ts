import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { OpenSession } from '../../../protocol/presence.ts';

const run = promisify(execFile);
const LIST_MS = 15_000;
const MAX_BYTES = 16 * 1024 * 1024;

const agentSchema = z.object({
  pid: z.number(),
  sessionId: z.string().transform(id => id.toLowerCase()),
  startedAt: z.number().catch(0),
  // A version may know more: whatever it does, it is not idle.
  status: z.enum(['idle', 'busy', 'waiting']).catch('busy'),
});

/**
 * What Claude Code itself says is open on this machine: in terminals, in the background, and under programs such as ours. Rejects
 * when it cannot say so.
 */
export async function listClaudeAgents(
  program: string,
  { environment, signal }: { environment: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<OpenSession[]> {
  const { stdout } = await run(program, ['agents', '--json'], {
    env: { ...environment },
    cwd: '/',
    timeout: LIST_MS,
    maxBuffer: MAX_BYTES,
    signal,
  });
  const listed = z.array(z.unknown()).parse(JSON.parse(stdout));
  return listed.flatMap(one => {
    const { data } = agentSchema.safeParse(one);
    if (data === undefined) return [];
    const { pid, sessionId, startedAt, status } = data;
    return [{ agent: 'claude', agentSessionId: sessionId, pid, status, since: startedAt }];
  });
}
