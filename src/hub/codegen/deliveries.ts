import { randomUUID } from 'node:crypto';
import { AppError } from '../../errors/app-error.ts';
import type { CodegenClient, CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { isOutcomeUnknown } from '../../providers/http/failures.ts';
import { runStateOf } from '../../providers/codegen/run-state.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import { asAppError } from '../errors.ts';
import type { Foundation } from '../foundation.ts';
import { bodyOf, newBody } from './run-body.ts';
import type { RunBook } from './run-book.ts';
import type { Seen } from './looks.ts';
import type { UnderWay } from './under-way.ts';

interface Parts {
  readonly book: RunBook;
  readonly underWay: UnderWay;
}

/** Refusals that pass: what waits is tried again. */
const PASSING = new Set(['RATE_LIMITED', 'NETWORK_ERROR', 'AUTHENTICATION_FAILED', 'PLAN_LIMIT_REACHED']);

/**
 * Brings results of children to their orchestrators: once each. The intent is stored before the orchestrator is resumed, so that
 * whatever happens in between, nothing is sent a second time.
 */
export class Deliveries {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Of children that have ended and whose orchestrators have not been told. */
  waiting(): Promise<CodegenRecord[]> {
    return this.#foundation.store.codegen.deliveries('waiting');
  }

  /** Delivers to every orchestrator that has been seen in a state in which it can be told, or never will be. */
  async deliver(seen: ReadonlyMap<number, Seen>, client: CodegenClient): Promise<void> {
    for (const children of groupsOf(await this.waiting())) {
      const [first] = children;
      const orchestratorId = first?.orchestratorRunId ?? undefined;
      const look = orchestratorId === undefined ? undefined : seen.get(orchestratorId);
      if (orchestratorId === undefined || look === undefined) continue;
      const problem = problemOf(orchestratorId, look);
      if (problem !== undefined) await this.#giveUp(children, problem);
      else if (look !== 'gone' && runStateOf(look.status) === 'completed')
        await this.#resume(children, { orchestratorId, client });
    }
  }

  /** The hub that was sending is gone: what became of it is not known, and it is not sent again. */
  async abandon(record: CodegenRecord): Promise<void> {
    const error = 'the hub that resumed the orchestrator is gone, and it is not known whether it was resumed';
    await this.#foundation.store.codegen.settle(record.id, { state: 'unknown', error });
    await this.#parts.book.end(record, { ...bodyOf(record), state: 'interrupted', error });
  }

  async #resume(
    children: readonly CodegenRecord[],
    { orchestratorId, client }: { orchestratorId: number; client: CodegenClient },
  ): Promise<void> {
    const { signal } = this.#foundation.background;
    // The look may be some seconds old, and somebody may have resumed it meanwhile.
    const before = await client.getRun(orchestratorId, { signal });
    if (runStateOf(before.status) !== 'completed') return;
    const id = randomUUID();
    await this.#parts.underWay.during(id, () => this.#send(children, { id, before, client }));
  }

  async #send(
    children: readonly CodegenRecord[],
    { id, before, client }: { id: string; before: CodegenRun; client: CodegenClient },
  ): Promise<void> {
    const { store, background } = this.#foundation;
    const { book } = this.#parts;
    const ids = children.map(child => child.id);
    const body = {
      ...newBody('resume', { command: 'resume', children: ids }),
      web_url: before.webUrl,
      stale_result: before.result,
      is_stale: true,
      delivers: true,
    };
    const caller = children[0]?.caller ?? '';
    const resume = { id, caller, runId: before.id, orchestratorRunId: null };
    // What is owed is delivered, however much its caller has under way.
    const record = await book.open(resume, { body, operation: 'codegen_resume', isCounted: false });
    if (!(await store.codegen.claim(ids, id))) {
      return await book.end(record, { ...body, state: 'cancelled', error: 'another hub delivers these results' });
    }
    const input = { agentRunId: before.id, prompt: promptOf(children) };
    try {
      const run = await client.resumeRun(input, { signal: background.signal });
      await store.codegen.settle(id, { state: 'delivered' });
      await book.accepted(record, run);
    } catch (error) {
      background.signal.throwIfAborted();
      const failure = asAppError(error);
      const end = { ...body, error: failure.message } as const;
      if (!(error instanceof AppError)) throw error;
      if (isOutcomeUnknown(error)) {
        await store.codegen.settle(id, { state: 'unknown', error: failure.message });
        return await book.end(record, { ...end, state: 'interrupted' });
      }
      await store.codegen.settle(id, await this.#refused(failure, { before, client }));
      await book.end(record, { ...end, state: 'failed' });
    }
  }

  /** What becomes of results after a refusal: an orchestrator that goes on again is told later. */
  async #refused(
    failure: AppError,
    { before, client }: { before: CodegenRun; client: CodegenClient },
  ): Promise<{ state: 'waiting' | 'undeliverable'; error?: string }> {
    if (PASSING.has(failure.code)) return { state: 'waiting' };
    const { signal } = this.#foundation.background;
    const now = await client.getRun(before.id, { signal }).catch(() => undefined);
    const goesOn = now !== undefined && runStateOf(now.status) === 'active';
    return goesOn ? { state: 'waiting' } : { state: 'undeliverable', error: failure.message };
  }

  async #giveUp(children: readonly CodegenRecord[], error: string): Promise<void> {
    await this.#foundation.store.codegen.giveUp(
      children.map(child => child.id),
      error,
    );
  }
}

/** Why this orchestrator can never be told; undefined while it can. */
function problemOf(id: number, look: Seen): string | undefined {
  if (look === 'gone') return `Agent run ${id} not found`;
  const state = runStateOf(look.status);
  const isOver = state === 'failed' || state === 'cancelled';
  return isOver ? `Orchestrator run ${id} ended with status ${look.status}` : undefined;
}

/** One resume for each orchestrator and caller, in the order in which the children ended. */
function groupsOf(children: readonly CodegenRecord[]): CodegenRecord[][] {
  return [...Map.groupBy(children, child => `${child.orchestratorRunId} ${child.caller}`).values()];
}

function promptOf(children: readonly CodegenRecord[]): string {
  return children.map(resultOf).join('\n\n---\n\n');
}

function resultOf(child: CodegenRecord): string {
  const { state, result, error } = bodyOf(child);
  const [word, said] = state === 'completed' ? ['Result', result ?? ''] : ['Error', error ?? ''];
  return `${word} from child task ${child.id}:\n\nChild run ID: ${child.runId}\n\n${said}`;
}
