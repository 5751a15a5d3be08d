import type { AuthServer } from './auth/server/auth-server.ts';
import type { Flags } from './cli/program.ts';
import type { SignInRoles } from './cli/sign-in/roles.ts';
import type { Config } from './config/config.ts';
import type { Log } from './log/log.ts';
import { openStore, prepareDirectory } from './parts.ts';
import type { Store } from './store/store.ts';

// Everything of the built-in authorization server is loaded only where it is used.

/** The authorization server of a hub; undefined where it is off. */
export async function openSignIn(
  { auth, http }: Pick<Config, 'auth' | 'http'>,
  { store, log }: { store: Pick<Store, 'signIn'>; log: Log },
): Promise<AuthServer | undefined> {
  if (!auth.server.enabled) return undefined;
  const { openAuthServer } = await import('./auth/server/auth-server.ts');
  return await openAuthServer({ config: auth.server, publicUrl: http.public_url, store, log });
}

/** `boxswain auth …` and `boxswain users …`: work on the records alone, whether or not a hub runs. */
export function createSignInRoles(
  configure: (flags: Flags) => Promise<{ config: Config }>,
): Omit<SignInRoles, 'settings'> {
  const open = async (flags: Flags): Promise<Store> => {
    const { config } = await configure(flags);
    await prepareDirectory(config.directory);
    return await openStore(config);
  };
  return {
    async openUsers(flags) {
      const { createUsers } = await import('./auth/server/users.ts');
      const store = await open(flags);
      return { ...createUsers(store), [Symbol.asyncDispose]: () => store.close() };
    },
    async issuerAt(publicUrl) {
      const { issuerAt } = await import('./auth/server/issuer.ts');
      return issuerAt(publicUrl);
    },
    async makeSigningKeys(flags, { replaces }) {
      const { openKeys, replaceKeys } = await import('./auth/server/keys.ts');
      const store = await open(flags);
      try {
        if (replaces) await replaceKeys(store);
        else await openKeys(store);
      } finally {
        await store.close();
      }
    },
  };
}
