import assert from 'node:assert/strict';
import type { RunningServer } from './server.ts';
import { operate } from './operations-api.ts';

export type Json = Record<string, unknown>;

/** A call that changes something, under an idempotency key. */
export interface KeyedCall {
  readonly tool: string;
  readonly args: Json & { readonly idempotency_key: string };
}

/** What callers were told before a crash, and may rely on after it. */
export class Promises {
  /** Results of tasks, as they were told. */
  readonly finished = new Map<string, string>();
  /** Tasks, by their workspace. */
  readonly accepted = new Map<string, string>();
  readonly answered: { call: KeyedCall; handles: Handles }[] = [];
  /** Calls whose answer did not arrive: whether they took effect, nobody knows. */
  readonly unanswered = new Map<string, KeyedCall>();
  /** Workspaces that were made and whose deletion was not asked for; and those whose deletion was. */
  readonly living = new Set<string>();
  readonly leaving = new Set<string>();

  /** Makes the call; when the server goes away meanwhile, it stays among the unanswered. */
  async make(server: RunningServer, call: KeyedCall): Promise<Json> {
    this.unanswered.set(call.args.idempotency_key, call);
    const answer = await operate(server.url, call.tool, call.args);
    assert.equal(answer.code, undefined, `${call.tool} failed: ${JSON.stringify(answer)}`);
    this.#settle(call, answer);
    return answer;
  }

  /** Repeats what was not answered, each twice at once. */
  async repeat(server: RunningServer): Promise<number> {
    const calls = [...this.unanswered.values()];
    for (const call of calls) {
      const answers = await Promise.all([this.make(server, call), this.make(server, call)]);
      const [first, second] = answers.map(handlesOf);
      assert.deepEqual(second, first, `two repeats of one ${call.tool} are answered alike`);
    }
    return calls.length;
  }

  async delete(server: RunningServer, workspaceId: string): Promise<void> {
    this.living.delete(workspaceId);
    this.leaving.add(workspaceId);
    await operate(server.url, 'workspace_delete', { workspace_id: workspaceId });
    this.leaving.delete(workspaceId);
  }

  #settle(call: KeyedCall, answer: Json): void {
    const handles = handlesOf(answer);
    this.unanswered.delete(call.args.idempotency_key);
    this.answered.push({ call, handles });
    for (const id of handles.workspaces) this.living.add(id);
    if (handles.task_id !== undefined) this.accepted.set(handles.task_id, handles.workspaces[0] ?? '');
  }
}

export interface Handles {
  readonly task_id?: string;
  readonly workspaces: readonly string[];
}

/** The handles in the answer of a call, or in its arguments. */
export function handlesOf(said: Json): Handles {
  const views: unknown[] = Array.isArray(said.workspaces) ? said.workspaces : [said];
  const workspaces = views.flatMap(view => {
    const { workspace_id } = Object(view);
    return typeof workspace_id === 'string' ? [workspace_id] : [];
  });
  return typeof said.task_id === 'string' ? { task_id: said.task_id, workspaces } : { workspaces };
}
