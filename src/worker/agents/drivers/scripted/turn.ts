import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../../../../protocol/json.ts';
import type { Message, PartOf, Usage } from '../../../../protocol/sessions.ts';
import { readScript, type Step } from './script.ts';
import { nothingUsed, plus } from '../usage.ts';
import { type Leave, runTool, type ToolResult } from './tools.ts';
import type { Transcript } from './transcript.ts';
import type { Answer, End, Question, Update } from './wire.ts';

export interface TurnParts {
  readonly sessionId: string;
  readonly cwd: string;
  readonly model: string;
  readonly transcript: Transcript;
  readonly leave: Leave;
  readonly signal: AbortSignal;
  tell(update: Update): void;
  /** Rejects when the turn is interrupted. */
  ask(question: Question): Promise<Answer>;
}

/** One turn of the scripted agent: the steps of the prompt, told as they happen and written to the transcript. */
export class ScriptedTurn {
  readonly #parts: TurnParts;
  readonly #startedAt = Date.now();
  #usage: Usage = nothingUsed;
  #answer: Message | undefined;
  #lastResult = '';

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  async run(prompt: { text: string; attachments: readonly string[] }): Promise<End> {
    const text = [prompt.text, ...prompt.attachments.map(path => `[attached: ${path}]`)].join('\n');
    const told = this.#message('user');
    this.#write({ ...told, parts: [{ ...this.#place(told), type: 'text', text }] });
    try {
      for (const step of readScript(prompt.text)) {
        const failure = await this.#do(step);
        if (failure !== undefined) return this.#end({ outcome: 'failed', error: failure });
      }
      return this.#end({ outcome: 'completed' });
    } catch (error) {
      if (this.#parts.signal.aborted) return this.#end({ outcome: 'aborted' });
      return this.#end({ outcome: 'failed', error: error instanceof Error ? error.message : String(error) });
    }
  }

  #end(end: Pick<End, 'outcome' | 'error'>): End {
    this.#close();
    this.#parts.transcript.add({ type: 'usage', usage: this.#usage });
    this.#parts.tell({ kind: 'usage', usage: plus(this.#parts.transcript.usage, this.#usage) });
    return { ...end, usage: this.#usage, durationMs: Date.now() - this.#startedAt };
  }

  /** The reason when the turn fails here. */
  async #do(step: Step): Promise<string | undefined> {
    const { tell, transcript, signal } = this.#parts;
    signal.throwIfAborted();
    if (step.word === 'fail') return step.text;
    if (step.word === 'crash') process.exit(70);
    if (step.word === 'say') await this.#say('text', halves(step.text), 0);
    if (step.word === 'think') await this.#say('thinking', halves(step.text), 0);
    if (step.word === 'result') await this.#say('text', halves(this.#lastResult), 0);
    if (step.word === 'recall') await this.#say('text', halves(transcript.prompts().slice(0, -1).join(' | ')), 0);
    if (step.word === 'slow') {
      await this.#say(
        'text',
        Array.from({ length: step.words }, (_, at) => `word${at + 1} `),
        step.everyMs,
      );
    }
    if (step.word === 'tool') await this.#tool(step);
    if (step.word === 'ask') await this.#allowed(step);
    if (step.word === 'subagent') await this.#subagent(step);
    if (step.word === 'title') {
      transcript.add({ type: 'title', title: step.text });
      tell({ kind: 'title', title: step.text });
    }
    if (step.word === 'usage') {
      const { input, output, costUsd } = step;
      this.#usage = plus(this.#usage, { ...nothingUsed, inputTokens: input, outputTokens: output, costUsd });
    }
    return undefined;
  }

  /** What was said stays said when the turn is interrupted meanwhile. */
  async #say(type: 'text' | 'thinking', pieces: readonly string[], everyMs: number): Promise<void> {
    const { tell, signal } = this.#parts;
    const place = this.#place(this.#open());
    const at = { messageId: place.messageId, partId: place.id };
    tell({ kind: 'part', part: { ...place, type, text: '' } });
    let text = '';
    try {
      for (const delta of pieces) {
        // Part of the script, not coordination: a slow agent is slow.
        if (everyMs > 0) await delay(everyMs, undefined, { signal });
        text += delta;
        tell({ kind: 'delta', ...at, delta });
      }
    } finally {
      const part = { ...place, type, text, time: { ...place.time, end: Date.now() } };
      this.#answer?.parts.push(part);
      tell({ kind: 'part', part });
      tell({ kind: 'part_completed', ...at });
    }
  }

  async #tool({ name, input }: { name: string; input: JsonObject }): Promise<void> {
    const { tell, cwd, signal } = this.#parts;
    const part: PartOf<'tool_use'> = {
      ...this.#place(this.#open()),
      type: 'tool_use',
      tool: name,
      input,
      state: 'running',
    };
    tell({ kind: 'part', part });
    let result: ToolResult = { content: 'interrupted', isError: true };
    try {
      const leave = await this.#allowed({ name, input });
      result = 'input' in leave ? await runTool({ name, input: leave.input }, { cwd, signal }) : leave.refused;
      if ('input' in leave) part.input = leave.input;
    } finally {
      this.#finish(part, result);
    }
  }

  #finish(part: PartOf<'tool_use'>, { content, isError }: ToolResult): void {
    const { tell } = this.#parts;
    this.#lastResult = content;
    const done: PartOf<'tool_use'> = { ...part, state: isError ? 'error' : 'completed', resultText: content };
    this.#answer?.parts.push(done);
    tell({ kind: 'part', part: done });
    tell({ kind: 'part_completed', messageId: part.messageId, partId: part.id });
    this.#close();
    const message = this.#message('user');
    this.#write({
      ...message,
      parts: [{ ...this.#place(message), type: 'tool_result', toolUseId: part.id, content, isError }],
    });
  }

  async #allowed(tool: { name: string; input: JsonObject }): Promise<{ input: JsonObject } | { refused: ToolResult }> {
    const { leave, ask } = this.#parts;
    const known = leave.of(tool.name);
    if (known === 'allowed') return { input: tool.input };
    if (known === 'denied') return { refused: { content: 'not allowed in this mode', isError: true } };
    const answer = await ask({
      requestId: randomUUID(),
      toolName: tool.name,
      description: `${tool.name} ${JSON.stringify(tool.input)}`.slice(0, 200),
      input: tool.input,
      remember: ['once', 'session', 'always'],
    });
    if (answer.behavior === 'cancelled') throw new Error('nobody answers any more');
    if (answer.behavior === 'deny') return { refused: { content: answer.message, isError: true } };
    if (answer.remember !== 'once') leave.allow(tool.name, answer.remember);
    return { input: answer.updatedInput ?? tool.input };
  }

  async #subagent({ type, description }: { type: string; description: string }): Promise<void> {
    const { tell } = this.#parts;
    const input = { subagent_type: type, description };
    const part: PartOf<'tool_use'> = {
      ...this.#place(this.#open()),
      type: 'tool_use',
      tool: 'Task',
      input,
      state: 'running',
    };
    tell({ kind: 'part', part });
    const task = { partId: part.id, toolUseId: part.id, subagentType: type, description };
    tell({ kind: 'subagent', state: 'started', ...task });
    tell({ kind: 'subagent', state: 'completed', ...task });
    this.#finish(part, { content: 'done', isError: false });
  }

  #open(): Message {
    if (this.#answer) return this.#answer;
    const message = { ...this.#message('assistant'), model: this.#parts.model };
    this.#answer = message;
    this.#parts.tell({ kind: 'message', message: { ...message, parts: [] } });
    return message;
  }

  /** The answer is whole, and goes to the transcript. */
  #close(): void {
    if (this.#answer) this.#parts.transcript.addMessage(this.#answer);
    this.#answer = undefined;
  }

  #write(message: Message): void {
    this.#parts.transcript.addMessage(message);
    this.#parts.tell({ kind: 'message', message });
  }

  #message(role: Message['role']): Message {
    return { id: randomUUID(), sessionId: this.#parts.sessionId, role, time: { created: Date.now() }, parts: [] };
  }

  /** Of the next part of a message: what is read from the transcript later has the same ids. */
  #place({ id, sessionId, parts }: Message) {
    return { id: `${id}:${parts.length}`, messageId: id, sessionId, time: { start: Date.now() } };
  }
}

const halves = (text: string): string[] => {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter(half => half !== '');
};
