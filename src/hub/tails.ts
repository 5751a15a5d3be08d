import { z } from 'zod';
import type { Closer } from '../fabric/fabric.ts';
import type { Progress } from '../operations/operation.ts';
import { decodeMessage } from '../protocol/envelope.ts';
import { type RunTail, runTailSchema } from '../protocol/messages.ts';
import type { EventLog, NewEvent } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Peers } from './hub.ts';
import { toJsonObject } from './json.ts';

const FLUSH_MS = 200;
const MAX_MESSAGE_CHARACTERS = 200;
/** Output of one task that its event stream holds; the result has the rest. */
const MAX_STREAMED_CHARACTERS = 1_048_576;

const DROP = 'tail.drop';
const IS_FOLLOWED = 'tail.is_followed';
const askedSchema = z.object({ task: z.string() });

const topicOf = (worker: string, id: string): string => `t.${worker}.task:${id}`;

/** Live tails of runs: what a worker says while a job runs. They may lose; the end never depends on them. */
export class Tails {
  readonly #foundation: Foundation;
  readonly #events: EventLog;
  readonly #peers: Peers;
  readonly #followed = new Map<string, { stop(): Promise<void> }>();

  constructor(foundation: Foundation, { events, peers }: { events: EventLog; peers: Peers }) {
    this.#foundation = foundation;
    this.#events = events;
    this.#peers = peers;
    peers.hear(DROP, body => this.#drop(askedSchema.parse(body).task));
    peers.hear(IS_FOLLOWED, body => ({ isFollowed: this.#followed.has(askedSchema.parse(body).task) }));
  }

  /** `heard` is called with everything the run says until the returned function is called. */
  async listen(worker: string, id: string, heard: (tail: RunTail) => void): Promise<Closer> {
    const { link, log } = this.#foundation;
    const hear = async (body: Uint8Array) => heard(runTailSchema.parse(await decodeMessage(body, link.blobs)));
    return await link.fabric.subscribe(topicOf(worker, id), body => {
      hear(body).catch(error => log.debug({ err: error, task: id }, 'a live tail could not be read'));
    });
  }

  /** Writes the tail of a task into its event stream and its row, until `drop`. Idempotent. */
  async follow(worker: string, id: string): Promise<void> {
    if (this.#followed.has(id)) return;
    const recorder = new TailRecorder(this.#foundation, this.#events, id);
    this.#followed.set(id, recorder);
    const close = await this.listen(worker, id, tail => recorder.add(tail));
    recorder.onStop(close);
  }

  /** Like `follow`, unless another hub does so already: what a run says is to be written once. */
  async takeUp(worker: string, id: string): Promise<void> {
    if (this.#followed.has(id)) return;
    const answers = await this.#peers.ask(IS_FOLLOWED, { task: id });
    if (!answers.some(({ isFollowed }) => isFollowed === true)) await this.follow(worker, id);
  }

  /** Writes what is still waiting, at whichever hub that is. */
  async drop(id: string): Promise<void> {
    await Promise.all([this.#drop(id), this.#peers.ask(DROP, { task: id })]);
  }

  async #drop(id: string): Promise<void> {
    const recorder = this.#followed.get(id);
    this.#followed.delete(id);
    await recorder?.stop();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#followed.keys()].map(id => this.#drop(id)));
  }
}

/** Gathers what one task says and writes it a few times a second. */
class TailRecorder {
  readonly #foundation: Foundation;
  readonly #events: EventLog;
  readonly #id: string;
  #stdout = '';
  #stderr = '';
  #progress: Progress | undefined;
  #streamed = 0;
  #flushing: Promise<void> | undefined;
  #isStopped = false;
  #close: Closer | undefined;

  constructor(foundation: Foundation, events: EventLog, id: string) {
    this.#foundation = foundation;
    this.#events = events;
    this.#id = id;
  }

  onStop(close: Closer): void {
    this.#close = close;
    if (this.#isStopped) this.#foundation.background.run('close tail', close);
  }

  add(tail: RunTail): void {
    if (this.#isStopped) return;
    this.#stdout += this.#admitted(tail.stdout ?? '');
    this.#stderr += this.#admitted(tail.stderr ?? '');
    this.#progress = progressOf(tail) ?? this.#progress;
    this.#flushing ??= this.#soon();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#close?.();
    await this.#flush();
  }

  async #soon(): Promise<void> {
    await this.#foundation.background.pause(FLUSH_MS);
    await this.#flush();
    this.#flushing = undefined;
  }

  async #flush(): Promise<void> {
    const events: NewEvent[] = [];
    const [stdout, stderr, progress] = [this.#stdout, this.#stderr, this.#progress];
    this.#stdout = '';
    this.#stderr = '';
    this.#progress = undefined;
    if (stdout !== '') events.push({ type: 'task.output', body: { channel: 'stdout', text: stdout } });
    if (stderr !== '') events.push({ type: 'task.output', body: { channel: 'stderr', text: stderr } });
    if (progress !== undefined) events.push({ type: 'task.progress', body: toJsonObject(progress) });
    if (events.length === 0) return;
    try {
      await this.#events.appendAll(`task:${this.#id}`, events);
      if (progress !== undefined) {
        await this.#foundation.store.tasks.update(this.#id, { progress: toJsonObject(progress) });
      }
    } catch (error) {
      this.#foundation.log.warn({ err: error, task: this.#id }, 'the live tail of a task was not written');
    }
  }

  #admitted(text: string): string {
    const admitted = text.slice(0, Math.max(0, MAX_STREAMED_CHARACTERS - this.#streamed));
    this.#streamed += admitted.length;
    return admitted;
  }
}

/** What a tail says about progress; nothing when it only carries output. */
function progressOf({ percent, stage, message }: RunTail): Progress | undefined {
  if (percent === undefined && stage === undefined && message === undefined) return undefined;
  return {
    ...(percent !== undefined && { percent }),
    ...(stage !== undefined && { stage }),
    ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE_CHARACTERS) }),
  };
}

/** The progress that a caller who waits is told: the last line of output where the run says nothing of its own. */
export function reportOf(tail: RunTail): Progress | undefined {
  const own = progressOf(tail);
  if (own?.message !== undefined) return own;
  const line = (tail.stdout ?? tail.stderr ?? '').trimEnd().split('\n').at(-1) ?? '';
  return line === '' ? own : { ...own, message: line.slice(-MAX_MESSAGE_CHARACTERS) };
}
