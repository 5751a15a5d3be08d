import type { DumpedRow } from '../store/dump.ts';

export interface SurveyedWorkspace {
  readonly workspace_id: string;
  readonly name: string;
  readonly caller: string;
  /** Its newest checkpoint, whose files travel; null: only its record does. */
  readonly checkpoint_id: string | null;
  readonly checkpoint_taken_at: string | null;
}

interface Checkpoint {
  readonly id: string;
  readonly ordinal: number;
  readonly takenAt: number;
}

/** Finds in the rows that pass by what of each workspace's files an export holds. */
export class WorkspaceSurvey {
  readonly #newest = new Map<string, Checkpoint>();
  readonly #workspaces: { id: string; name: string; caller: string }[] = [];

  look({ table, row }: DumpedRow): void {
    if (table === 'workspace') {
      this.#workspaces.push({ id: String(row.id), name: String(row.name), caller: String(row.caller) });
    }
    if (table !== 'checkpoint') return;
    const workspace = String(row.workspace_id);
    const ordinal = Number(row.ordinal);
    if (ordinal < (this.#newest.get(workspace)?.ordinal ?? Number.NEGATIVE_INFINITY)) return;
    this.#newest.set(workspace, { id: String(row.id), ordinal, takenAt: Number(row.created_at) });
  }

  result(): SurveyedWorkspace[] {
    return this.#workspaces.map(({ id, name, caller }) => {
      const newest = this.#newest.get(id);
      return {
        workspace_id: id,
        name,
        caller,
        checkpoint_id: newest?.id ?? null,
        checkpoint_taken_at: newest ? new Date(newest.takenAt).toISOString() : null,
      };
    });
  }
}
