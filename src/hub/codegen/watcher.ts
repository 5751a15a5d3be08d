import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { CodegenClient } from '../../providers/codegen/codegen-client.ts';
import type { Foundation } from '../foundation.ts';
import type { Leadership } from '../leadership.ts';
import type { Deliveries } from './deliveries.ts';
import type { CodegenGate } from './gate.ts';
import { Looks, type Seen } from './looks.ts';
import type { LostAnswers } from './lost-answers.ts';
import { Pace } from './pace.ts';
import { bodyOf } from './run-body.ts';
import type { RunBook } from './run-book.ts';
import type { UnderWay } from './under-way.ts';

interface Parts {
  readonly book: RunBook;
  readonly deliveries: Deliveries;
  readonly gate: CodegenGate;
  readonly leadership: Leadership;
  readonly lost: LostAnswers;
  readonly underWay: UnderWay;
}

/** A hub that leads does not give that away between two looks. */
const LOOKS_HELD = 4;
const LEAST_HELD_MS = 15_000;
/** At most 30 requests in any 30 s: half of what the service allows is left to callers. */
const SHARE = { burst: 10, perSecond: 2 / 3 };
const MIN_PAUSE_MS = 50;

/** Looks at runs that go on, from the start of the hub; of several hubs one does. */
export class Watcher {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #looks = new Looks();
  readonly #pace = new Pace(SHARE);

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  start(): void {
    const { background, log } = this.#foundation;
    background.run('watch runs of Codegen', async () => {
      let pollMs = 0;
      do {
        try {
          pollMs = (await this.#parts.gate.settings()).poll_seconds * 1000;
          await this.look(pollMs);
        } catch (error) {
          if (!background.signal.aborted) log.warn({ err: error }, 'runs of Codegen could not be looked at');
        }
      } while (await background.pause(Math.max(pollMs, this.#pace.waitMs(), MIN_PAUSE_MS)));
    });
  }

  async look(pollMs: number): Promise<void> {
    const { store } = this.#foundation;
    const { book, deliveries, gate, leadership } = this.#parts;
    if (!(await gate.isConfigured())) return;
    const [unsettled, owed] = await Promise.all([store.codegen.unsettled(), deliveries.waiting()]);
    const isIdle = unsettled.length + owed.length === 0 && (await store.codegen.open()).length === 0;
    if (isIdle || !(await leadership.take({ forMs: Math.max(LEAST_HELD_MS, pollMs * LOOKS_HELD) }))) return;
    // A hub that ended between the two left an end that its task does not have.
    for (const record of await store.codegen.unsettled()) await book.settle(record);
    const open = await store.codegen.open();
    await this.#takeOver(open.filter(record => bodyOf(record).phase === 'sending'));
    const known = open.filter(record => bodyOf(record).phase === 'known');
    const waiting = await deliveries.waiting();
    const wanted = new Set(
      [...known.map(({ runId }) => runId), ...waiting.map(one => one.orchestratorRunId)].filter(isId),
    );
    if (wanted.size === 0) return;
    const client = await gate.client();
    const seen = await this.#see(wanted, client);
    for (const record of known) await this.#observe(record, seen);
    // Orchestrators of children that have just ended are asked for now, not only at the next look.
    const late = (await deliveries.waiting()).map(one => one.orchestratorRunId).filter(isId);
    const unseen = new Set(late.filter(runId => !seen.has(runId)));
    const more = unseen.size === 0 ? [] : await this.#see(unseen, client);
    await deliveries.deliver(new Map([...seen, ...more]), client);
  }

  async #see(wanted: ReadonlySet<number>, client: CodegenClient): Promise<Map<number, Seen>> {
    const { background, log } = this.#foundation;
    const failed = (error: Error) => log.warn({ err: error }, 'an answer of Codegen could not be used');
    try {
      return await this.#looks.at(wanted, { client, signal: background.signal, failed });
    } finally {
      this.#pace.took(this.#looks.takeCount(), { of: client });
    }
  }

  async #observe(record: CodegenRecord, seen: ReadonlyMap<number, Seen>): Promise<void> {
    const run = record.runId === null ? undefined : seen.get(record.runId);
    if (run === undefined) return;
    if (run !== 'gone') return await this.#parts.book.observe(record, run);
    const body = { ...bodyOf(record), state: 'failed', error: `Agent run ${record.runId} not found` } as const;
    await this.#parts.book.end(record, body);
  }

  /** Requests whose hub is gone. */
  async #takeOver(sending: readonly CodegenRecord[]): Promise<void> {
    const { store, id, background } = this.#foundation;
    const { deliveries, lost, underWay } = this.#parts;
    const strangers = sending.filter(record => !underWay.has(record.id));
    if (strangers.length === 0) return;
    const live = new Set(await store.hubs.live());
    for (const record of strangers) {
      if (record.owner !== id && live.has(record.owner)) continue;
      if (bodyOf(record).delivers) await deliveries.abandon(record);
      else
        background.run('find a lost run', () =>
          lost.resolve(record, 'Network error: the hub that asked is gone').catch(error => {
            this.#foundation.log.warn({ err: error, task: record.id }, 'a lost run was not found');
          }),
        );
    }
  }
}

const isId = (id: number | null): id is number => id !== null;
