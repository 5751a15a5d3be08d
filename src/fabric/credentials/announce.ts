import { z } from 'zod';
import { authenticatorFor, BrokerUnavailable, type DialOptions, dial } from '../nats/dial.ts';
import type { Authority } from './authority.ts';
import { CLAIMS_UPDATE } from './permissions.ts';

const INBOX = '_INBOX_boxswain_errand';
const FIRST_CONNECT_MS = 10_000;
const ANSWERS_MS = 5_000;
/** Of a cluster every server answers; the last one is not long behind the first. */
const LATER_ANSWERS_MS = 300;

const answerSchema = z.object({
  data: z.object({ code: z.number() }).optional(),
  error: z.object({ code: z.number(), description: z.string() }).optional(),
});

/**
 * Tells the broker of the account as it is now, and so of all that is revoked: connections with revoked credentials are closed at once.
 * The broker's full resolver keeps it, also over a restart. Throws BrokerUnavailable when the broker is not there or does not take it.
 */
export async function announceAccount(
  authority: Authority,
  options: Omit<DialOptions, 'firstConnectMs'>,
): Promise<{ servers: number }> {
  const { text } = await authority.issueForErrand(INBOX);
  const client = await dial(
    { ...options, firstConnectMs: FIRST_CONNECT_MS },
    { name: 'boxswain', inboxPrefix: INBOX, authenticator: authenticatorFor(text) },
  );
  try {
    while (true) {
      const announced = await authority.revoked();
      const jwt = await authority.accountJwt();
      const how = { strategy: 'stall', maxWait: ANSWERS_MS, stall: LATER_ANSWERS_MS } as const;
      let servers = 0;
      for await (const answer of await client.requestMany(CLAIMS_UPDATE, jwt, how)) {
        refuseError(answerSchema.safeParse(answer.json()));
        servers += 1;
      }
      if (servers === 0)
        throw new BrokerUnavailable('the NATS server did not confirm the change; does it use a full resolver?');
      // What another process has revoked meanwhile could have been announced before this older list.
      if (String(await authority.revoked()) === String(announced)) return { servers };
    }
  } finally {
    await client.close();
  }
}

function refuseError(answer: ReturnType<typeof answerSchema.safeParse>): void {
  if (answer.success && answer.data.data?.code === 200) return;
  const why = answer.data?.error?.description ?? 'it sent an answer that is not known';
  throw new BrokerUnavailable(`the NATS server did not take the change: ${why}`);
}
