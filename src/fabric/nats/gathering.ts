import type { Log } from '../../log/log.ts';
import { NotPermitted } from '../fabric.ts';
import type { Listener } from './pending.ts';

export interface Answer {
  readonly from: string;
  readonly body: Uint8Array;
}

interface GatherOptions {
  readonly deadlineMs: number;
  readonly expect?: string[];
  readonly log: Log;
}

/** The answers to one question as they come, one from each, until nobody is there or the fabric closes. Asks when the first is awaited; leaving early lets go of everything. */
export async function* gathered(
  ask: (listener: Listener) => () => void,
  { deadlineMs, expect, log }: GatherOptions,
): AsyncIterable<Answer> {
  const missing = new Set(expect);
  const heard = new Set<string>();
  const arrived: Answer[] = [];
  let end: { readonly refusal?: NotPermitted } | undefined;
  let wake = () => {};
  const finish = (reason?: Error) => {
    end ??= reason instanceof NotPermitted ? { refusal: reason } : {};
    wake();
  };
  const timer = setTimeout(finish, deadlineMs);
  const leave = ask({
    answer: (from, body) => {
      if (from === undefined || heard.has(from)) return;
      heard.add(from);
      if (body instanceof Error) log.warn({ from, error: body.message }, 'an answer could not be sent');
      else arrived.push({ from, body });
      wake();
    },
    fail: finish,
  });
  try {
    while (true) {
      for (const answer of arrived.splice(0)) {
        missing.delete(answer.from);
        yield answer;
      }
      if (arrived.length > 0) continue;
      if (end?.refusal) throw end.refusal;
      if (end || (expect && missing.size === 0)) return;
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    }
  } finally {
    clearTimeout(timer);
    leave();
  }
}
