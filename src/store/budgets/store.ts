/** At most `requests` within any `perMs` milliseconds. */
export interface BudgetWindow {
  readonly name: string;
  readonly requests: number;
  readonly perMs: number;
}

/** Rate budgets that all hubs of the records keep together, by the database's clock. */
export interface BudgetStore {
  /**
   * Takes a place in each of these windows, or in none: `waitMs` is 0 when they were taken, else the milliseconds before which none can
   * be free. A place that is never settled, as its hub was lost, is free again after `holdMs`.
   */
  take(
    budget: string,
    windows: readonly BudgetWindow[],
    options: { readonly place: string; readonly holdMs: number },
  ): Promise<{ readonly waitMs: number }>;
  /** What the place was for is over: it is free again a whole window from now. */
  settle(place: string): Promise<void>;
  /** Nothing of this window for so long; the longest of several counts. */
  pause(budget: string, window: string, forMs: number): Promise<void>;
}
