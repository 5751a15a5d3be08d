import type { Generated } from 'kysely';

export interface CodegenTables {
  codegen_run: CodegenRunTable;
}

/** What a task of Codegen stands for. */
interface CodegenRunTable {
  ordinal: Generated<number>;
  /** That of the task. */
  id: string;
  caller: string;
  owner: string;
  run_id: number | null;
  orchestrator_run_id: number | null;
  body: string;
  delivery_state: string | null;
  delivery_at: number | null;
  delivery_error: string | null;
  delivery_task: string | null;
  created_at: number;
  ended_at: number | null;
}
