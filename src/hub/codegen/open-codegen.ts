import type { Caller } from '../../auth/caller.ts';
import type { ConfigKeeper } from '../../config/config-keeper.ts';
import { AppError } from '../../errors/app-error.ts';
import type { SharedLimits } from '../../providers/http/shared-limits.ts';
import { runStateOf } from '../../providers/codegen/run-state.ts';
import type { TaskRecord } from '../../store/rows.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Idempotency } from '../hub.ts';
import type { Leadership } from '../leadership.ts';
import type { RunEnds } from '../run-ends.ts';
import { Deliveries } from './deliveries.ts';
import { CodegenGate } from './gate.ts';
import { LostAnswers } from './lost-answers.ts';
import { ReadingDesk } from './reading-desk.ts';
import { bodyOf } from './run-body.ts';
import { RunBook, streamOf } from './run-book.ts';
import { StartDesk } from './start-desk.ts';
import { UnderWay } from './under-way.ts';
import { Watcher } from './watcher.ts';

/** Runs of Codegen, as operations see them. */
export interface Codegen {
  readonly starts: StartDesk;
  readonly reads: ReadingDesk;
  readonly gate: CodegenGate;
  /** Undefined where the configuration cannot be changed. */
  readonly keeper: ConfigKeeper | undefined;
  /** Where what is told of a task can be followed; TASK_NOT_FOUND for one that is unknown or foreign. */
  stream(taskId: string, caller: Caller): Promise<string>;
}

interface Parts {
  readonly ends: RunEnds;
  readonly events: EventLog;
  readonly idempotency: Idempotency;
  readonly keeper: ConfigKeeper | undefined;
  readonly leadership: Leadership;
  readonly shared: SharedLimits;
}

/** Everything that a hub does for runs of Codegen. `stop` cancels the run of a task; it is watched from `start` on. */
export function openCodegen(
  foundation: Foundation,
  { ends, events, idempotency, keeper, leadership, shared }: Parts,
): { codegen: Codegen; stop: (task: TaskRecord, reason: string) => Promise<boolean>; start: () => void } {
  const gate = new CodegenGate({ config: foundation.config, keeper, shared });
  const book = new RunBook(foundation, { ends, events });
  const lost = new LostAnswers(foundation, { gate, book });
  const underWay = new UnderWay();
  const deliveries = new Deliveries(foundation, { book, underWay });
  const starts = new StartDesk(foundation, { gate, book, lost, idempotency, underWay });
  const reads = new ReadingDesk(foundation, { gate, book, events });
  const watcher = new Watcher(foundation, { book, deliveries, gate, leadership, lost, underWay });
  return {
    codegen: {
      starts,
      reads,
      gate,
      keeper,
      async stream(taskId, caller) {
        await reads.task(taskId, { waitSeconds: 0, caller, signal: foundation.background.signal });
        return streamOf(taskId);
      },
    },
    async stop({ id }, reason) {
      const record = await foundation.store.codegen.get(id);
      if (record === undefined) return true;
      if (record.runId === null) {
        throw new AppError('CONFLICT', `the run of task ${id} is not known yet`, { hint: 'call again in a moment' });
      }
      const { signal } = foundation.background;
      const client = await gate.client();
      const run = await client.getRun(record.runId, { signal });
      // What has ended by itself is told as that.
      if (runStateOf(run.status) !== 'active') {
        await book.observe(record, run);
        return false;
      }
      await client.stopRun(record.runId, { signal });
      await book.end(record, { ...bodyOf(record), state: 'cancelled', error: `Cancelled: ${reason}` });
      return true;
    },
    start: () => watcher.start(),
  };
}
