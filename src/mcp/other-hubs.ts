import type { RequestId } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import type { RunningCalls } from './running-calls.ts';
import type { Sessions } from './sessions.ts';

const requestSchema = z.union([z.string(), z.number()]);
const callSchema = z.object({ caller: z.string(), request: requestSchema });
const inSessionSchema = z.object({ session: z.string(), caller: z.string(), request: requestSchema });
const countSchema = z.object({ running: z.number().default(0) });
const sessionSchema = z.object({ session: z.string() });

const cancelNotification = z.looseObject({
  method: z.literal('notifications/cancelled'),
  params: z.looseObject({ requestId: requestSchema }),
});

/** A client's requests come to any hub, so what one of them says of another is told to the hub that has that. */
export interface OtherHubs {
  /** The call of this caller and request id, wherever it runs. Where several have it, whose is meant cannot be known. */
  cancelCall(caller: Caller, request: RequestId): Promise<void>;
  /** The cancellations in a message of a session are for whichever hub has their requests. */
  passOn(session: string, said: { caller: Caller; message: unknown }): void;
  sessionEnded(session: string): void;
}

export function otherHubs(
  peers: Hub['peers'],
  { sessions, runningCalls }: { sessions: () => Sessions; runningCalls: RunningCalls },
): OtherHubs {
  peers.hear('mcp.running', body => {
    const { caller, request } = callSchema.parse(body);
    return { running: runningCalls.count({ id: caller }, request) };
  });
  peers.hear('mcp.cancel', body => {
    const { caller, request } = callSchema.parse(body);
    runningCalls.cancel({ id: caller }, request);
  });
  peers.hear('mcp.session.cancel', body => {
    const { session, caller, request } = inSessionSchema.parse(body);
    sessions().cancel(session, { callerId: caller, request });
  });
  peers.hear('mcp.session.ended', body => sessions().forget(sessionSchema.parse(body).session));

  return {
    async cancelCall({ id: caller }, request) {
      const own = runningCalls.count({ id: caller }, request);
      const answers = await peers.ask('mcp.running', { caller, request });
      const elsewhere = answers.reduce((sum, answer) => sum + countSchema.parse(answer).running, 0);
      if (own + elsewhere !== 1) return;
      if (own === 1) runningCalls.cancel({ id: caller }, request);
      else peers.tell('mcp.cancel', { caller, request });
    },
    passOn(session, { caller, message }) {
      for (const one of [message].flat()) {
        const { success, data } = cancelNotification.safeParse(one);
        if (!success) continue;
        const request = data.params.requestId;
        peers.tell('mcp.session.cancel', { session, caller: caller.id, request });
      }
    },
    sessionEnded: session => peers.tell('mcp.session.ended', { session }),
  };
}
