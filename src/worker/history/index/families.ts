import type { Database } from 'better-sqlite3';
import type { HistoryAgent } from '../../../protocol/history.ts';
import type { FoundCall, FoundTotal } from '../found.ts';

const DAY_MS = 86_400_000;

/**
 * Calls are kept once for each agent, however many forks copied them, and belong to the session that made them. Sessions that share
 * calls, or say that one was forked from the other, are a family: only within one may running totals be taken for the same.
 */
export class UsageWriter {
  readonly #insertCall;
  readonly #ownerOf;
  readonly #replaceCall;
  readonly #updateCall;
  readonly #upsertTotal;
  readonly #familyOf;
  readonly #joinFamilies;

  constructor(database: Database) {
    this.#insertCall = database.prepare(
      'insert or ignore into call values (@agent, @id, @session, @model, @time, @input, @output, @cacheRead, @cacheWrite, @cost, @isCopy)',
    );
    this.#ownerOf = database.prepare<[string, string], { session: number; is_copy: number; time: number }>(
      'select session, is_copy, time from call where agent = ? and id = ?',
    );
    this.#replaceCall = database.prepare(
      `insert or replace into call values (@agent, @id, @session, @model, @time, @input, @output, @cacheRead, @cacheWrite, @cost, @isCopy)`,
    );
    this.#updateCall = database.prepare(
      'update call set input = @input, output = @output, cache_read = @cacheRead, cache_write = @cacheWrite, cost = coalesce(@cost, cost) where agent = @agent and id = @id',
    );
    this.#upsertTotal = database.prepare(
      `insert into total values (@session, @startTime, @day, @cost, @input, @output, @models)
       on conflict do update set cost = excluded.cost, input = excluded.input, output = excluded.output, models = excluded.models`,
    );
    this.#familyOf = database.prepare<[number], number>('select family from session where id = ?').pluck();
    this.#joinFamilies = database.prepare('update session set family = @to where family = @from');
  }

  call(session: { readonly id: number; readonly agent: HistoryAgent }, call: FoundCall): void {
    const row = {
      agent: session.agent,
      id: call.id,
      session: session.id,
      model: call.model,
      time: call.time,
      input: call.inputTokens,
      output: call.outputTokens,
      cacheRead: call.cacheReadTokens,
      cacheWrite: call.cacheWriteTokens,
      cost: call.costUsd ?? null,
      isCopy: call.isCopy === true ? 1 : 0,
    };
    if (this.#insertCall.run(row).changes === 1) return;
    const owner = this.#ownerOf.get(session.agent, call.id);
    if (owner === undefined) return;
    if (owner.session === session.id) {
      // Several lines hold the pieces of one answer; the last has the final count.
      this.#updateCall.run(row);
      return;
    }
    this.join(owner.session, session.id);
    if (owner.is_copy === 1 && row.isCopy === 0) this.#replaceCall.run(row);
  }

  /** `time`: of the last message before it, which says on which day it was spent. */
  total(session: number, { total, time }: { total: FoundTotal; time: number }): void {
    this.#upsertTotal.run({
      session,
      startTime: total.startTime,
      day: Math.floor((time === 0 ? total.startTime : time) / DAY_MS),
      cost: total.costUsd,
      input: total.inputTokens,
      output: total.outputTokens,
      models: JSON.stringify(total.costByModel),
    });
  }

  join(one: number, other: number): void {
    const [a, b] = [this.#familyOf.get(one), this.#familyOf.get(other)];
    if (a === undefined || b === undefined || a === b) return;
    this.#joinFamilies.run({ to: Math.min(a, b), from: Math.max(a, b) });
  }
}
