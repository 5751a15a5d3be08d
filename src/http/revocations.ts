import { z } from 'zod';
import type { AuthServer } from '../auth/server/auth-server.ts';
import type { Hub } from '../hub/hub.ts';

const REVOKED = 'auth.revoked';
const bodySchema = z.object({ stands_on: z.string().optional() });

type Listener = (standsOn: string | undefined) => void;

/**
 * Calls `revoked` for what was revoked at this hub and, as soon as they tell, at others. What they say may be lost: then a verdict
 * that is kept ends by itself.
 */
export function spreadRevocations(
  { apiTokens, peers }: Pick<Hub, 'apiTokens' | 'peers'>,
  { authServer, revoked }: { authServer: AuthServer | undefined; revoked: Listener },
): void {
  const spread: Listener = standsOn => {
    revoked(standsOn);
    peers.tell(REVOKED, standsOn === undefined ? {} : { stands_on: standsOn });
  };
  apiTokens.onRevoked(spread);
  authServer?.onRevoked(spread);
  peers.hear(REVOKED, body => revoked(bodySchema.parse(body).stands_on));
}
