import { AppError } from '../../../errors/app-error.ts';
import type { AgentBox, ForkRequest } from '../driver.ts';
import { forkedSession, forkOrderSchema, forkOutcomeSchema } from '../drivers/fork-order.ts';
import { settledWithin } from '../drivers/settled-within.ts';
import { agentExited } from '../processes/agent-process.ts';

const FORK_MS = 25_000;
/** An answer is one short line; what is longer is none. */
const MOST_CHARACTERS = 64 * 1024;

/**
 * Copies a session of an agent inside its box, where its transcript lies, by a program of ours. Throws SESSION_NOT_FOUND,
 * VALIDATION_ERROR for a message that it has not, and SESSION_FAILED when the program ends without an answer.
 */
export async function forkInBox(
  kind: string,
  { box, ...request }: ForkRequest & { readonly box: AgentBox },
): Promise<{ agentSessionId: string }> {
  if (box.forkCommand === undefined)
    throw new AppError('CAPABILITY_UNSUPPORTED', `${kind} does not support fork in a workspace`, {
      hint: 'create another session in the workspace, or copy the workspace with workspace_fork',
    });
  const [command, ...words] = box.forkCommand;
  const order = JSON.stringify(forkOrderSchema.parse(request));
  const { cwd } = request;
  const running = await box.processes.start({
    ...{ kind, command, cwd, args: [...words, order], environment: box.environment },
  });
  try {
    const said = textOf(running.child.stdout);
    await settledWithin(FORK_MS, said);
    await running.end({ graceMs: 0 });
    const outcome = forkOutcomeSchema.safeParse(parse(await said));
    if (!outcome.success) throw agentExited(await running.exited);
    return forkedSession(outcome.data, request);
  } finally {
    await running.end({ graceMs: 0 });
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MOST_CHARACTERS) return '';
  }
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
