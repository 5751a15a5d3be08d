import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../errors/app-error.ts';
import type { CodegenClient, CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { runStateOf } from '../../providers/codegen/run-state.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { CodegenGate } from './gate.ts';
import { bodyOf, type RunBody } from './run-body.ts';
import type { RunBook } from './run-book.ts';

/** Three looks within 10 s: before each a wait. */
const WAITS_MS = [200, 2_800, 4_000] as const;
const LOOK_MS = 3_000;
const NEWEST = 100;

interface Parts {
  readonly gate: CodegenGate;
  readonly book: RunBook;
}

/** Finds out what became of requests whose answer is not known. Nothing is asked for a second time. */
export class LostAnswers {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #resolving = new Map<string, Promise<CodegenRecord>>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** The record with its run. Throws NETWORK_ERROR when there is none to be found; then the task is interrupted. */
  resolve(record: CodegenRecord, reason: string): Promise<CodegenRecord> {
    const running = this.#resolving.get(record.id);
    if (running !== undefined) return running;
    const resolving = this.#resolve(record, reason).finally(() => this.#resolving.delete(record.id));
    this.#resolving.set(record.id, resolving);
    return resolving;
  }

  async #resolve(record: CodegenRecord, reason: string): Promise<CodegenRecord> {
    const { store, background } = this.#foundation;
    for (const waitMs of WAITS_MS) {
      await delay(waitMs, undefined, { signal: background.signal });
      const run = await this.#look(record);
      if (run !== undefined) return await this.#parts.book.accepted(record, run);
      const latest = await store.codegen.get(record.id);
      if (latest !== undefined && bodyOf(latest).phase === 'known') return latest;
    }
    const body = bodyOf(record);
    const what = body.command === 'new' ? 'created' : 'resumed';
    const error = `${reason}; it is not known whether the run was ${what}`;
    await this.#parts.book.end(record, { ...body, state: 'interrupted', error } satisfies RunBody);
    throw new AppError('NETWORK_ERROR', reason, {
      hint: `codegen_list shows whether the run was ${what}; it is not asked for again`,
      details: { task_id: record.id, attempts: 1 },
    });
  }

  /** A look that fails is one that found nothing. */
  async #look(record: CodegenRecord): Promise<CodegenRun | undefined> {
    const { background, log } = this.#foundation;
    const signal = AbortSignal.any([background.signal, AbortSignal.timeout(LOOK_MS)]);
    try {
      const client = await this.#parts.gate.client();
      return await (record.runId === null ? created(client, record, signal) : resumed(client, record.runId, signal));
    } catch (error) {
      background.signal.throwIfAborted();
      log.debug({ err: error, task: record.id }, 'a look for a lost run failed');
      return undefined;
    }
  }
}

async function created(client: CodegenClient, { id }: CodegenRecord, signal: AbortSignal) {
  const { items } = await client.listRuns({ skip: 0, limit: NEWEST }, { signal });
  return items.find(({ metadata }) => metadata.task_id === id);
}

/** A run that goes on was resumed: before, it was complete. */
async function resumed(client: CodegenClient, runId: number, signal: AbortSignal) {
  const run = await client.getRun(runId, { signal });
  return runStateOf(run.status) === 'completed' ? undefined : run;
}
