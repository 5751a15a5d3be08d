import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type AuthServer, type AuthServerOptions, openAuthServer } from '../../src/auth/server/auth-server.ts';
import { createUsers, type Users } from '../../src/auth/server/users.ts';
import { authServerSchema } from '../../src/config/auth-server.ts';
import { AuditTrail } from '../../src/hub/audit.ts';
import { silentLog } from '../../src/log/log.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { scratchDirectory } from '../support/server.ts';

export const PASSWORD = 'four words nobody guesses';

/** A hub with the built-in authorization server, where `ada` may use every tool and `rob` only look. */
export interface Stage extends AsyncDisposable {
  readonly url: string;
  readonly server: TestServer;
  readonly auth: AuthServer;
  readonly users: Users;
  readonly store: Store;
  readonly audit: AuditTrail;
  /** How much later it is for the times of access tokens. */
  aheadMs: number;
}

export interface StageOptions extends Pick<AuthServerOptions, 'guards'> {
  readonly config?: Record<string, unknown>;
  /** Of another stage, whose users are there already. */
  readonly store?: Store;
  /** Default: an address of its own. */
  readonly publicUrl?: string;
}

export async function startStage({ config = {}, guards, store: given, publicUrl }: StageOptions = {}): Promise<Stage> {
  const scratch = await scratchDirectory();
  const store = given ?? (await createSqliteStore({ path: join(scratch.path, 'records.db') }));
  const audit = new AuditTrail(store.audit, silentLog);
  const users = createUsers(store, { audit });
  if (!given) {
    await users.add({ name: 'ada', password: PASSWORD, teams: ['engines'] });
    await users.add({ name: 'rob', password: PASSWORD, scopes: ['sandbox:read'] });
  }
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const clock = { aheadMs: 0 };
  const now = () => Date.now() + clock.aheadMs;
  const settings = {
    config: authServerSchema.parse({ enabled: true, ...config }),
    store,
    log: silentLog,
    audit,
    guards,
    now,
  };
  const auth = await openAuthServer({ ...settings, publicUrl: publicUrl ?? url });
  const http = { port, public_url: publicUrl ?? url };
  const server = await startTestServer({ http, auth: { required: true }, authServer: auth, now });
  return {
    ...{ url, server, auth, users, store, audit },
    get aheadMs() {
      return clock.aheadMs;
    },
    set aheadMs(ms) {
      clock.aheadMs = ms;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await audit.close();
      if (!given) await store.close();
      await scratch.remove();
    },
  };
}

/** The server must know its address before it listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address !== null && typeof address === 'object' ? address.port : 0;
}
