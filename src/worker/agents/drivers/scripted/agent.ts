/**
 * The scripted agent: a process of its own, as real agents are, so that starting, killing and reaping it are real too. Speaks
 * `wire.ts` over its standard streams and keeps transcripts in the directory that it is told. Ends when its input ends.
 */
import { createInterface } from 'node:readline';
import { Leave } from './tools.ts';
import { Transcript } from './transcript.ts';
import { ScriptedTurn, type TurnParts } from './turn.ts';
import { type Answer, type FromAgent, type Question, type ToAgent, toAgentSchema } from './wire.ts';

const directory = process.argv[2] ?? '';
const answers = new Map<string, (answer: Answer) => void>();
let session: Omit<TurnParts, 'signal' | 'ask'> | undefined;
let turn: AbortController | undefined;

const send = (line: FromAgent) => process.stdout.write(`${JSON.stringify(line)}\n`);

function open({ sessionId, resume, model, permissionMode }: Extract<ToAgent, { kind: 'open' }>): void {
  const cwd = process.cwd();
  const transcript = resume === undefined ? Transcript.begin(directory, { cwd }) : Transcript.open(directory, resume);
  if (transcript === undefined) {
    send({ kind: 'unknown_session' });
    return;
  }
  const leave = new Leave(permissionMode, { directory, cwd });
  const tell: TurnParts['tell'] = update => send({ kind: 'update', update });
  session = { sessionId, cwd, model: model ?? 'scripted', transcript, leave, tell };
  send({ kind: 'ready', agentSessionId: transcript.id });
}

async function prompt(asked: Extract<ToAgent, { kind: 'prompt' }>): Promise<void> {
  if (session === undefined) throw new Error('a prompt came before the session');
  turn = new AbortController();
  const { signal } = turn;
  const ask = (question: Question) => askFor(question, signal);
  const end = await new ScriptedTurn({ ...session, signal, ask }).run(asked);
  turn = undefined;
  // The sums of the session stand in its transcript.
  session = { ...session, transcript: Transcript.open(directory, session.transcript.id) ?? session.transcript };
  send({ kind: 'end', end });
}

async function askFor(question: Question, signal: AbortSignal): Promise<Answer> {
  const { requestId } = question;
  const answered = Promise.withResolvers<Answer>();
  const withdraw = () => {
    send({ kind: 'withdrawn', requestId });
    answered.reject(signal.reason);
  };
  answers.set(requestId, answered.resolve);
  signal.addEventListener('abort', withdraw, { once: true });
  send({ kind: 'ask', question });
  try {
    return await answered.promise;
  } finally {
    answers.delete(requestId);
    signal.removeEventListener('abort', withdraw);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const told = toAgentSchema.parse(JSON.parse(line));
  if (told.kind === 'open') open(told);
  if (told.kind === 'prompt') void prompt(told);
  if (told.kind === 'interrupt') turn?.abort(new Error('interrupted'));
  if (told.kind === 'answer') answers.get(told.requestId)?.(told.answer);
}
process.exit(0);
