/** Copies a session of the scripted agent inside a box: told of it in one argument, answers on its standard output. */
import { AppError } from '../../../../errors/app-error.ts';
import { type ForkOrder, type ForkOutcome, forkOrderSchema } from '../fork-order.ts';
import { forkTranscript } from './transcript.ts';

function fork({ agentSessionId: id, atMessageId, title }: ForkOrder): ForkOutcome {
  try {
    return { agentSessionId: forkTranscript(process.env.HOME ?? '', { id, atMessageId, title }) };
  } catch (error) {
    if (!(error instanceof AppError)) return { error: String(error) };
    return { missing: error.code === 'SESSION_NOT_FOUND' ? 'session' : 'message' };
  }
}

const order = forkOrderSchema.parse(JSON.parse(process.argv[2] ?? ''));
process.stdout.write(JSON.stringify(fork(order)));
