import { localCaller } from './auth/caller.ts';
import type { AuthServer } from './auth/server/auth-server.ts';
import type { SignInAudit } from './auth/server/sign-in-audit.ts';
import type { Flags } from './cli/program.ts';
import type { SignInRoles } from './cli/sign-in/roles.ts';
import type { Config } from './config/config.ts';
import { AuditTrail } from './hub/audit.ts';
import type { Log } from './log/log.ts';
import { openStore, prepareDirectory } from './parts.ts';
import type { Store } from './store/store.ts';

// Everything of the built-in authorization server is loaded only where it is used.

/** The authorization server of a hub; undefined where it is off. */
export async function openSignIn(
  { auth, http }: Pick<Config, 'auth' | 'http'>,
  { store, log, audit }: { store: Pick<Store, 'signIn'>; log: Log; audit: SignInAudit },
): Promise<AuthServer | undefined> {
  if (!auth.server.enabled) return undefined;
  const { openAuthServer } = await import('./auth/server/auth-server.ts');
  return await openAuthServer({ config: auth.server, publicUrl: http.public_url, store, log, audit });
}

/** `boxswain auth …` and `boxswain users …`: work on the records alone, whether or not a hub runs. */
export function createSignInRoles(
  configure: (flags: Flags) => Promise<{ config: Config; log: Log }>,
): Omit<SignInRoles, 'settings'> {
  const open = async (flags: Flags) => {
    const { config, log } = await configure(flags);
    await prepareDirectory(config.directory);
    const store = await openStore(config);
    const audit = new AuditTrail(store.audit, log);
    const close = async () => {
      await audit.close();
      await store.close();
    };
    return { store, audit, close };
  };
  return {
    async openUsers(flags) {
      const { createUsers } = await import('./auth/server/users.ts');
      const { store, audit, close } = await open(flags);
      return { ...createUsers(store, { audit }), [Symbol.asyncDispose]: close };
    },
    async issuerAt(publicUrl) {
      const { issuerAt } = await import('./auth/server/issuer.ts');
      return issuerAt(publicUrl);
    },
    async makeSigningKeys(flags, { replaces }) {
      const { openKeys, replaceKeys } = await import('./auth/server/keys.ts');
      const { signInEntry } = await import('./auth/server/sign-in-audit.ts');
      const { store, audit, close } = await open(flags);
      try {
        if (!replaces) return void (await openKeys(store));
        audit.admit();
        await replaceKeys(store);
        await audit.record(signInEntry('signing_keys_replace', { caller: localCaller.id }));
      } finally {
        await close();
      }
    },
  };
}
