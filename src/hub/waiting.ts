import type { Closer } from '../fabric/fabric.ts';
import type { Foundation } from './foundation.ts';
import type { Call } from './hub.ts';
import { reportOf, type Tails } from './tails.ts';

/** A run that ends sooner is not listened to: most do, and they should cost no subscription. */
const LISTEN_AFTER_MS = 500;

/** Settles when the call has its turn. Throws the reason of its signal when the caller goes away first. */
export async function reached({ turn, signal }: Pick<Call, 'turn' | 'signal'>): Promise<void> {
  signal.throwIfAborted();
  const arrival = turn.reached();
  if (arrival === undefined) return;
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([arrival, gone]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

interface Watched {
  readonly foundation: Foundation;
  readonly tails: Tails;
  readonly call: Pick<Call, 'report'>;
  readonly worker: string;
  /** The run to listen to; absent where there is none. */
  readonly id?: string;
}

/** Settles like `answer`; meanwhile the caller is told what the run says, and at least every few seconds that it goes on. */
export async function reporting<Value>(answer: Promise<Value>, watched: Watched): Promise<Value> {
  const watch = new Watch(watched);
  try {
    return await answer;
  } finally {
    watch.stop();
  }
}

class Watch {
  readonly #watched: Watched;
  #timer: NodeJS.Timeout;
  #isStopped = false;
  #close: Closer | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#timer = setTimeout(() => this.#begin(), LISTEN_AFTER_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const close = this.#close;
    if (close !== undefined) this.#watched.foundation.background.run('close tail', close);
  }

  #begin(): void {
    const { foundation, tails, call, worker, id } = this.#watched;
    this.#timer = setInterval(() => call.report({ stage: 'running' }), foundation.timing.reportMs);
    if (id === undefined) return;
    foundation.background.run('listen to a run', async () => {
      const close = await tails.listen(worker, id, tail => {
        const progress = reportOf(tail);
        if (progress !== undefined && !this.#isStopped) call.report(progress);
      });
      if (this.#isStopped) await close();
      else this.#close = close;
    });
  }
}
