import type { Duplex } from 'node:stream';
import type { CellRequest, RunOptions } from './boxd.ts';
import type { Channel } from './channel.ts';
import { run, type Tell } from './incoming.ts';
import { Lane, type LaneAnswer, type Way } from './lane.ts';
import type { RunReply } from './replies.ts';

/** A cell that has not ended by then is boxd's business too: its output, its time, its end. Nor is it cancelled before. */
const ATTACH_AFTER_MS = 20;

/** A cell that is under way by a lane. */
interface UnderWay {
  /** Tells boxd of it, unless it knows. */
  attach(): void;
}

/** A lane and the context at its end. */
interface Road {
  readonly lane: Lane;
  context: string | undefined;
  key: string;
  underWay: UnderWay | undefined;
}

/**
 * Sends cells to their contexts: by boxd, or, where a context has a lane and its last cell left nothing to be sorted out, straight to
 * it. Most cells are short and say nothing but their result, and of those boxd never hears. Of all others it is told later, and then
 * is as responsible for them as if they had come by it.
 */
export class Cells {
  readonly #channel: Channel;
  readonly #roads: readonly Road[];

  constructor(channel: Channel, lanes: readonly Duplex[]) {
    this.#channel = channel;
    this.#roads = lanes.map(stream => ({ lane: new Lane(stream), context: undefined, key: '', underWay: undefined }));
    if (lanes.length > 0) void channel.closed.then(() => lanes.forEach(stream => void stream.destroy()));
  }

  async run(request: CellRequest, options: RunOptions): Promise<RunReply> {
    const { signal } = options;
    signal.throwIfAborted();
    const road = this.#roadTo(request.context);
    const byLane = road && this.#byLane(road, request, options);
    if (byLane !== undefined) return await byLane;
    this.#forget(request.context);
    const { stdin, ...header } = request;
    const reply = await run(this.#channel, { verb: 'cell', ...header }, { ...options, stdin });
    this.#learn(request.context, reply.lane);
    return reply;
  }

  /** Undefined also where a cell is under way in the context: boxd is told of it, and refuses a second one. */
  #roadTo(context: string): Road | undefined {
    const road = this.#roads.find(known => known.context === context);
    road?.underWay?.attach();
    return road === undefined || road.underWay !== undefined || road.lane.isBroken ? undefined : road;
  }

  #forget(context: string): void {
    for (const road of this.#roads) if (road.context === context) road.context = undefined;
  }

  #learn(context: string, way: Way | undefined): void {
    const road = way && this.#roads[way.index];
    if (way === undefined || road === undefined || road.lane.isBroken || road.underWay !== undefined) return;
    road.context = context;
    road.key = way.key;
    road.lane.aim(way.key);
  }

  /** Undefined when the cell is too large for a lane. */
  #byLane(road: Road, request: CellRequest, options: RunOptions): Promise<RunReply> | undefined {
    const { code, env, stdin, timeoutMs } = request;
    const { signal, onOutput } = options;
    const { promise, resolve, reject } = Promise.withResolvers<RunReply>();
    const startedAt = performance.now();
    const elapsedMs = () => Math.round((performance.now() - startedAt) * 1000) / 1000;
    let attached: Attached | undefined;
    const over = () => {
      clearTimeout(timer);
      if (attached !== undefined) signal.removeEventListener('abort', cancel);
      road.underWay = undefined;
    };
    const attach = (state: Partial<Attachment> = {}): Attached => {
      if (attached !== undefined) return attached;
      clearTimeout(timer);
      attached = attachCell(this.#channel, request, {
        onOutput,
        attachment: { key: road.key, elapsedMs: elapsedMs(), ...state },
      });
      attached.ended.finally(over).then(
        reply => {
          this.#forget(request.context);
          this.#learn(request.context, reply.lane);
          resolve({ ...reply, durationMs: elapsedMs() });
        },
        (error: unknown) => {
          this.#forget(request.context);
          reject(error);
        },
      );
      // Not before, because to listen costs more than all else here, and most cells have ended long since.
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
      return attached;
    };
    const cancel = () => attached?.cancel(signal.reason);
    const answered = ({ exit, result, whole }: LaneAnswer) => {
      const answer = { exit, result };
      if (attached !== undefined) return attached.tell({ answer });
      if (!whole || exit !== 0) return void attach({ answer });
      over();
      resolve(endedWell(elapsedMs(), result));
    };
    const broken = () => {
      if (attached === undefined) attach({ isBroken: true });
      else attached.tell({ isBroken: true });
    };
    if (!road.lane.send({ code, env }, { stdin, listener: { answered, broken } })) return undefined;
    road.underWay = { attach };
    const timer = setTimeout(() => attach(), Math.min(timeoutMs, ATTACH_AFTER_MS));
    return promise;
  }
}

/** What boxd is told of a cell that it has not sent itself. */
interface Attachment {
  readonly key: string;
  readonly elapsedMs: number;
  /** It has ended. */
  readonly answer?: { readonly exit: number; readonly result?: string };
  /** Its context spoke nonsense on the lane. */
  readonly isBroken?: true;
}

interface Attached {
  readonly ended: Promise<RunReply>;
  tell(header: Partial<Attachment>): void;
  cancel(reason: unknown): void;
}

function attachCell(
  channel: Channel,
  { context, timeoutMs, outputBytes }: CellRequest,
  { onOutput, attachment }: { onOutput: RunOptions['onOutput']; attachment: Attachment },
): Attached {
  const controller = new AbortController();
  let tell: Tell = () => {};
  const opened = (open: Tell) => {
    tell = open;
  };
  const header = { verb: 'cell', context, timeoutMs, outputBytes, attach: attachment };
  const ended = run(channel, header, { signal: controller.signal, onOutput, opened });
  return { ended, tell: more => tell(more), cancel: reason => controller.abort(reason) };
}

const endedWell = (durationMs: number, result: string | undefined): RunReply => ({
  exitCode: 0,
  signal: null,
  timedOut: false,
  cancelled: false,
  outputExceeded: false,
  diskFull: false,
  mayHaveArtifacts: false,
  durationMs,
  result,
});
