import type { JsonObject } from '../rows.ts';
import type { NewTask } from '../work/store.ts';

/** `sending`: the intent is stored, and what became of it is not known yet. */
export type DeliveryState = 'waiting' | 'sending' | 'delivered' | 'undeliverable' | 'unknown';

/** What a task of the toolset `codegen` keeps beside its row: the run it stands for, and what is owed to its orchestrator. */
export interface CodegenRecord {
  /** That of the task. */
  readonly id: string;
  readonly caller: string;
  /** The hub that asks for the run, and knows what became of that. */
  readonly owner: string;
  /** Null until the run is known. */
  readonly runId: number | null;
  readonly orchestratorRunId: number | null;
  /** What is shown of the run, as the hub writes it. */
  readonly body: JsonObject;
  /** Null without an orchestrator. */
  readonly deliveryState: DeliveryState | null;
  readonly deliveryAt: number | null;
  readonly deliveryError: string | null;
  /** The task whose prompt carries the result to the orchestrator. */
  readonly deliveryTask: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

export interface CodegenStore {
  /** Together with its task, where that is given. Throws CAPACITY_EXCEEDED when `perCaller` tasks of its caller have not ended. */
  insert(
    record: Pick<CodegenRecord, 'id' | 'caller' | 'owner' | 'runId' | 'orchestratorRunId' | 'body'>,
    options?: { task?: NewTask; perCaller?: number },
  ): Promise<CodegenRecord>;
  get(id: string): Promise<CodegenRecord | undefined>;
  /** Gives a task its run; false when it has one, or has ended. */
  adopt(id: string, run: { runId: number; body: JsonObject }): Promise<boolean>;
  /** Writes what is shown of a run; not once it has ended. */
  update(id: string, body: JsonObject): Promise<boolean>;
  /** False when it had ended before. */
  end(id: string, body: JsonObject): Promise<boolean>;
  /** The newest task of each of these runs. */
  latest(caller: string, runIds: readonly number[]): Promise<CodegenRecord[]>;
  /** Of an orchestrator, in order of creation. */
  children(caller: string, orchestratorRunId: number): Promise<CodegenRecord[]>;
  /** All that have not ended. */
  open(): Promise<CodegenRecord[]>;
  /** That have ended, and whose tasks have not. */
  unsettled(): Promise<CodegenRecord[]>;
  /** Of children that have ended, in the order in which they did. */
  deliveries(state: 'waiting' | 'sending'): Promise<CodegenRecord[]>;
  /** Stores the intent to deliver these by that task: all, or none when one does not wait any more. */
  claim(ids: readonly string[], deliveryTask: string): Promise<boolean>;
  /** What became of the intent; `waiting`: it is to be tried again. */
  settle(
    deliveryTask: string,
    outcome: { state: Exclude<DeliveryState, 'sending'>; error?: string | null },
  ): Promise<void>;
  /** Nothing will be delivered to where these wait. */
  giveUp(ids: readonly string[], error: string): Promise<void>;
  /** Removes what belongs to no task any more. */
  prune(): Promise<number>;
}
