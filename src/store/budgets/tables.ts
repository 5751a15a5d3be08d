export interface BudgetTables {
  budget_place: BudgetPlaceTable;
  budget_pause: BudgetPauseTable;
}

/** A request to a service of others that counts in one of its windows. */
interface BudgetPlaceTable {
  /** Whose budget it is, by a hash. */
  budget: string;
  budget_window: string;
  place: string;
  /** Of the window. */
  per_ms: number;
  is_settled: number;
  free_at: number;
}

/** The service has asked to be left alone. */
interface BudgetPauseTable {
  budget: string;
  budget_window: string;
  paused_until: number;
}
