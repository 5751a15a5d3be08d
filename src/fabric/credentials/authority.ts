import { access, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, encodeAccount, encodeOperator, encodeUser, type User } from '@nats-io/jwt';
import { createUser } from '@nats-io/nkeys';
import type { Identity } from '../identity.ts';
import { type AuthorityKeys, explainDenial, openKeys, undefinedIfMissing } from './authority-keys.ts';
import { type Credential, credentialOf, nameInJwt } from './credential.ts';
import { errandPermissions, hubPermissions, lookupPermissions, workerPermissions } from './permissions.ts';

const KEYS = 'nats-authority.json';
const REVOKED = 'nats-revoked';
const USER_KEY = /^U[A-Z2-7]{55}$/;
/** A credential has a key of its own, which never comes back: it is void whenever it says it was made. Unix seconds, in 2100. */
const FOR_EVER = 4_102_444_800;
/** A system credential is made for one errand. */
const ERRAND_SECONDS = 300;
/** Without leafnodes, which would let a whole server in. */
const CONNECTIONS: User['allowed_connection_types'] = ['STANDARD', 'WEBSOCKET'];
/** A limit that is left out counts as nothing allowed. */
const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: 0,
};

/**
 * Says who may join the fabric. Its keys make the credentials; the broker knows the public halves and checks by itself, so there is no
 * secret that two workers, or a worker and the broker, share.
 */
export class Authority {
  readonly #revoked: string;
  readonly #keys: AuthorityKeys;

  private constructor(directory: string, keys: AuthorityKeys) {
    this.#revoked = join(directory, REVOKED);
    this.#keys = keys;
  }

  /** Opens the authority that lives in a directory, or makes it. Throws when others on this machine may read its keys. */
  static async open(directory: string): Promise<Authority> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new Authority(directory, await openKeys(join(directory, KEYS)));
  }

  /** The authority of a directory that has one already. */
  static async find(directory: string): Promise<Authority | undefined> {
    const isThere = await access(join(directory, KEYS))
      .then(() => true, undefinedIfMissing)
      .catch(explainDenial);
    return isThere ? await Authority.open(directory) : undefined;
  }

  get account(): string {
    return this.#keys.account.getPublicKey();
  }

  get systemAccount(): string {
    return this.#keys.system.getPublicKey();
  }

  operatorJwt(): Promise<string> {
    return encodeOperator('boxswain', this.#keys.operator, { system_account: this.systemAccount });
  }

  systemAccountJwt(): Promise<string> {
    return encodeAccount('SYS', this.#keys.system, { limits: UNLIMITED }, { signer: this.#keys.operator });
  }

  /** What the broker must know of the account: whose signature counts, and which credentials are revoked. */
  async accountJwt(): Promise<string> {
    const account: Partial<Account> = {
      limits: UNLIMITED,
      signing_keys: [this.#keys.signing.getPublicKey()],
      revocations: Object.fromEntries((await this.revoked()).map(key => [key, FOR_EVER])),
    };
    return await encodeAccount('boxswain', this.#keys.account, account, { signer: this.#keys.operator });
  }

  /**
   * A new credential each time: to revoke one leaves the others of the same worker or hub alone. `expiresAt` in milliseconds since
   * 1970; the broker ends the connection then.
   */
  async issue(identity: Identity, { expiresAt }: { expiresAt?: number } = {}): Promise<Credential> {
    const user = createUser();
    const permissions = 'hub' in identity ? hubPermissions(identity.hub) : workerPermissions(identity.worker);
    const claims = { ...permissions, allowed_connection_types: CONNECTIONS };
    const options = { signer: this.#keys.signing, ...(expiresAt !== undefined && { exp: seconds(expiresAt) }) };
    return credentialOf(await encodeUser(nameInJwt(identity), user, this.account, claims, options), user);
  }

  /** For a hub, which asks the broker with it for the account as it is now. `expiresAt` in milliseconds since 1970. */
  async issueForLookup({ expiresAt }: { expiresAt?: number } = {}): Promise<Credential> {
    const user = createUser();
    const claims = { ...lookupPermissions(this.account), allowed_connection_types: CONNECTIONS };
    const exp = expiresAt === undefined ? {} : { exp: seconds(expiresAt) };
    return credentialOf(await encodeUser('boxswain', user, this.#keys.system, claims, exp), user);
  }

  /** For telling the broker of a change, within minutes. `inbox` is the prefix under which it hears the answer. */
  async issueForErrand(inbox: string): Promise<Credential> {
    const user = createUser();
    const claims = { ...errandPermissions(inbox), allowed_connection_types: CONNECTIONS };
    const exp = seconds(Date.now()) + ERRAND_SECONDS;
    return credentialOf(await encodeUser('boxswain', user, this.#keys.system, claims, { exp }), user);
  }

  /**
   * Writes down that a credential is void; `announceAccount` tells the broker. One file for each, so that nothing is lost when two
   * processes revoke at the same time. To revoke again changes nothing.
   */
  async revoke(publicKey: string): Promise<void> {
    if (!USER_KEY.test(publicKey)) throw new TypeError('the public key of a credential is U and 55 more letters');
    await mkdir(this.#revoked, { recursive: true, mode: 0o700 });
    const file = await open(join(this.#revoked, publicKey), 'a', 0o600);
    await file.sync();
    await file.close();
  }

  /** Public keys of the revoked credentials, in order. */
  async revoked(): Promise<string[]> {
    const names = (await readdir(this.#revoked).catch(undefinedIfMissing)) ?? [];
    return names.filter(name => USER_KEY.test(name)).sort();
  }

  /** When a credential was revoked, in milliseconds since 1970; undefined: it was not. */
  async revokedAt(publicKey: string): Promise<number | undefined> {
    const note = await stat(join(this.#revoked, publicKey)).catch(undefinedIfMissing);
    return note && Math.round(note.mtimeMs);
  }
}

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000);
