import { AppError } from '../errors/app-error.ts';
import { isOutcomeUnknown } from '../providers/http/failures.ts';
import type { JsonObject } from '../store/rows.ts';
import type { IdempotencyKey, IdempotencyStore } from '../store/calls/store.ts';
import { type CallIds, callIds } from '../ids/call-ids.ts';
import type { Background, Foundation } from './foundation.ts';
import type { Idempotency } from './hub.ts';
import { hashJson } from './json.ts';

/** Waits between two looks at a call that runs in another process. */
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 1_000;
/** Longest wait for a first call that a living hub has not ended. */
const GIVE_UP_MS = 600_000;

type Work<Result> = (ids?: CallIds) => Promise<Result>;
type Key = Parameters<Idempotency['once']>[0];
interface Held {
  readonly argsHash: string;
  readonly result: Promise<JsonObject>;
}

/**
 * Runs something once per (caller, operation, key), within this process and across all that share the store. When the hub that
 * ran it is gone, or it failed and may have done something upstream, a repeat runs it again with the same ids, and finds what the first
 * attempt has made.
 */
export class OnceKeeper implements Idempotency {
  readonly #owner: string;
  readonly #store: IdempotencyStore;
  readonly #background: Background;
  /** Calls under way in this process, so that a twin waits for the call itself and not for the store. */
  readonly #underWay = new Map<string, Held>();

  constructor({ id, store, background }: Pick<Foundation, 'id' | 'store' | 'background'>) {
    this.#owner = id;
    this.#store = store.idempotency;
    this.#background = background;
  }

  async once<Result extends JsonObject>(key: Key, work: Work<Result>): Promise<Result> {
    if (key.key === undefined) return await work();
    const name = { caller: key.caller.id, operation: key.operation, key: key.key };
    const argsHash = hashJson(key.args);
    const id = JSON.stringify(name);
    while (true) {
      const twin = this.#underWay.get(id);
      if (twin === undefined) break;
      if (twin.argsHash !== argsHash) throw conflict(key.key);
      const result = await twin.result.catch(() => undefined);
      // A first call that failed leaves the key free: this one takes its place.
      if (result !== undefined && isAnswer<Result>(result)) return result;
    }
    const result = this.#begin({ ...name, argsHash }, work);
    const held = { argsHash, result };
    this.#underWay.set(id, held);
    try {
      return await result;
    } finally {
      if (this.#underWay.get(id) === held) this.#underWay.delete(id);
    }
  }

  async #begin<Result extends JsonObject>(
    key: IdempotencyKey & { argsHash: string },
    work: Work<Result>,
  ): Promise<Result> {
    const startedAt = Date.now();
    let lookMs = FIRST_LOOK_MS;
    while (true) {
      const answer = await this.#store.begin({ ...key, owner: this.#owner });
      if (answer.state === 'conflict') throw conflict(key.key);
      if (answer.state === 'fresh') {
        const ids = callIds(key.caller, key.operation, key.key, answer.nonce);
        return await this.#first(key, () => work(ids));
      }
      if (answer.state === 'done' && isAnswer<Result>(answer.result)) return answer.result;
      const mayWait = Date.now() - startedAt < GIVE_UP_MS && (await this.#background.pause(lookMs));
      if (!mayWait) throw unfinished(key.key);
      lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
    }
  }

  async #first<Result extends JsonObject>(key: IdempotencyKey, work: () => Promise<Result>): Promise<Result> {
    let result: Result;
    try {
      result = await work();
    } catch (error) {
      const options = { owner: this.#owner };
      // What may have been done upstream all the same is looked for by the next attempt, which has the same ids.
      await (isOutcomeUnknown(error) ? this.#store.release(key, options) : this.#store.forget(key, options));
      throw error;
    }
    await this.#store.finish(key, result);
    return result;
  }
}

/** What is stored under a key was the answer of the same operation to the same arguments, hence of the same type. */
const isAnswer = <Result extends JsonObject>(stored: JsonObject): stored is Result => typeof stored === 'object';

const conflict = (key: string): AppError =>
  new AppError('IDEMPOTENCY_CONFLICT', `idempotency_key "${key}" was used with other arguments`, {
    details: { idempotency_key: key },
  });

const unfinished = (key: string): AppError =>
  new AppError('IDEMPOTENCY_CONFLICT', `the first call with idempotency_key "${key}" has not ended`, {
    hint: 'repeat it later with the same idempotency_key',
    details: { idempotency_key: key },
  });
