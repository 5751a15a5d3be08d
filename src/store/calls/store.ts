import type { ClientSessionRecord, JsonObject } from '../rows.ts';

export type IdempotencyAnswer =
  /** This hub is to make the call, the first time or once more: the nonce is the same in every attempt. */
  | { state: 'fresh'; nonce: string }
  | { state: 'pending' }
  | { state: 'done'; result: JsonObject }
  | { state: 'conflict' };

export interface IdempotencyKey {
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
}

export interface IdempotencyStore {
  /**
   * Remembers (caller, operation, key) for 24 h. `argsHash` decides between replay and conflict. The call belongs to `owner`,
   * a hub, until it is done or that hub has no lease any more; then whoever begins it next takes it over.
   */
  begin(call: IdempotencyKey & { argsHash: string; owner: string }): Promise<IdempotencyAnswer>;
  /** The first result stays. */
  finish(key: IdempotencyKey, result: JsonObject): Promise<void>;
  /** The call failed and left nothing: the key is free again, unless another hub has taken the call over. */
  forget(key: IdempotencyKey, options: { owner: string }): Promise<void>;
  /** The call failed and may have left something: whoever begins it next goes on with it, under the same nonce. */
  release(key: IdempotencyKey, options: { owner: string }): Promise<void>;
  prune(): Promise<number>;
}

export interface ClientSessionStore {
  /** Inserts, and ends the sessions of this caller beyond `maxPerCaller`, those unused longest: they are answered. */
  insert(
    session: Omit<ClientSessionRecord, 'lastUsedAt'>,
    options: { maxPerCaller: number },
  ): Promise<ClientSessionRecord[]>;
  get(id: string): Promise<ClientSessionRecord | undefined>;
  touch(ids: readonly string[]): Promise<void>;
  /** False when it had ended already. */
  end(id: string): Promise<boolean>;
  /** Ends what was not used for so long; of several hubs, each session is answered to one. */
  endUnused(seconds: number): Promise<ClientSessionRecord[]>;
}
