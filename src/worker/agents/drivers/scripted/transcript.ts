import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../../errors/app-error.ts';
import { type Message, messageSchema, type Usage, usageSchema } from '../../../../protocol/sessions.ts';
import { nothingUsed, plus } from '../usage.ts';

const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('session'),
    id: z.string(),
    cwd: z.string(),
    createdAt: z.number(),
    forkedFrom: z.string().optional(),
  }),
  z.object({ type: z.literal('message'), message: messageSchema }),
  z.object({ type: z.literal('title'), title: z.string() }),
  /** Of one turn. */
  z.object({ type: z.literal('usage'), usage: usageSchema }),
]);
type Line = z.output<typeof lineSchema>;

/** The scripted agent's own record of a session: a file of JSON lines that is only ever appended to. */
export class Transcript {
  readonly id: string;
  readonly usage: Usage;
  readonly #path: string;

  private constructor(path: string, { id, lines }: { id: string; lines: readonly Line[] }) {
    this.id = id;
    this.#path = path;
    this.usage = lines.reduce((sum, line) => (line.type === 'usage' ? plus(sum, line.usage) : sum), nothingUsed);
  }

  static begin(directory: string, { cwd }: { cwd: string }): Transcript {
    const id = randomUUID();
    const path = pathOf(directory, id);
    const transcript = new Transcript(path, { id, lines: [] });
    transcript.add({ type: 'session', id, cwd, createdAt: Date.now() });
    return transcript;
  }

  /** Undefined when there is none of this id. */
  static open(directory: string, id: string): Transcript | undefined {
    const path = pathOf(directory, id);
    return existsSync(path) ? new Transcript(path, { id, lines: readLines(path) }) : undefined;
  }

  /** What the user said, in order. */
  prompts(): string[] {
    return readLines(this.#path).flatMap(line => {
      if (line.type !== 'message' || line.message.role !== 'user') return [];
      return line.message.parts.flatMap(part => (part.type === 'text' ? [part.text] : []));
    });
  }

  add(line: Line): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }

  addMessage(message: Message): void {
    this.add({ type: 'message', message });
  }
}

/** Copies a session up to a message; the new id. Throws SESSION_NOT_FOUND, and VALIDATION_ERROR for a message that it has not. */
export function forkTranscript(
  directory: string,
  { id, atMessageId, title }: { id: string; atMessageId?: string; title?: string },
): string {
  const path = pathOf(directory, id);
  if (!existsSync(path)) throw new AppError('SESSION_NOT_FOUND', `Session not found: ${id}`);
  const lines = readLines(path);
  const last = lines.findLastIndex(
    line => line.type === 'message' && (atMessageId === undefined || line.message.id === atMessageId),
  );
  if (last < 0 && atMessageId !== undefined) {
    throw new AppError('VALIDATION_ERROR', `at_message_id: the session has no message ${atMessageId}`);
  }
  const fork = randomUUID();
  const kept = lines.slice(0, last + 1).filter(line => line.type !== 'session' && line.type !== 'usage');
  const [begin] = lines.filter(line => line.type === 'session');
  const head: Line = { type: 'session', id: fork, cwd: begin?.cwd ?? '', createdAt: Date.now(), forkedFrom: id };
  const named: Line[] = title === undefined ? [] : [{ type: 'title', title }];
  writeFileSync(pathOf(directory, fork), [head, ...kept, ...named].map(line => `${JSON.stringify(line)}\n`).join(''));
  return fork;
}

function pathOf(directory: string, id: string): string {
  if (!z.uuid().safeParse(id).success) throw new AppError('SESSION_NOT_FOUND', `Session not found: ${id}`);
  return join(directory, `${id}.jsonl`);
}

/** A torn last line, of a process that was killed, is left out. */
function readLines(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(text => {
      try {
        const line = lineSchema.safeParse(JSON.parse(text));
        return line.success ? [line.data] : [];
      } catch {
        return [];
      }
    });
}
