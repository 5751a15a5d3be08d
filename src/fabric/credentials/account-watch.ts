import { type Account, decode } from '@nats-io/jwt';
import type { NatsConnection } from '@nats-io/nats-core';
import { authenticatorFor, type DialOptions, dial } from '../nats/dial.ts';
import { claimsLookup, LOOKUP_INBOX } from './permissions.ts';
import type { AccountFacts } from './proof.ts';

const FIRST_CONNECT_MS = 30_000;
const ANSWER_MS = 5_000;
/** A credential that was revoked elsewhere is taken for so long at most. */
const FRESH_MS = 2_000;

/**
 * The account as the broker has it, which is where every revocation arrives, wherever the authority lives. Asked when it is needed,
 * and at most every two seconds.
 */
export class AccountWatch {
  readonly #client: NatsConnection;
  readonly #account: string;
  #asked: { readonly at: number; readonly facts: Promise<AccountFacts> } | undefined;

  private constructor(client: NatsConnection, account: string) {
    this.#client = client;
    this.#account = account;
  }

  /** `credential` is one that `Authority.issueForLookup` made, `account` the public key. Throws BrokerUnavailable. */
  static async open(
    { credential, account }: { credential: string; account: string },
    options: Omit<DialOptions, 'firstConnectMs'>,
  ): Promise<AccountWatch> {
    const client = await dial(
      { ...options, firstConnectMs: FIRST_CONNECT_MS },
      { name: 'boxswain', inboxPrefix: LOOKUP_INBOX, authenticator: authenticatorFor(credential) },
    );
    return new AccountWatch(client, account);
  }

  /** Rejects when the broker does not answer: then nobody knows what is revoked. */
  async current(): Promise<AccountFacts> {
    const now = performance.now();
    if (this.#asked && now - this.#asked.at < FRESH_MS) return await this.#asked.facts;
    const asked = { at: now, facts: this.#ask() };
    this.#asked = asked;
    try {
      return await asked.facts;
    } catch (error) {
      if (this.#asked === asked) this.#asked = undefined;
      throw error;
    }
  }

  async #ask(): Promise<AccountFacts> {
    const answer = await this.#client.request(claimsLookup(this.#account), '', { timeout: ANSWER_MS });
    const { sub, nats } = decode<Account>(answer.string());
    if (sub !== this.#account) throw new Error('the NATS server answered with another account');
    const signers = (nats.signing_keys ?? []).map(key => (typeof key === 'string' ? key : key.key));
    return { account: sub, signers: new Set([sub, ...signers]), revocations: nats.revocations ?? {} };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
