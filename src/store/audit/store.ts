import type { Page, PageQuery } from '../page.ts';
import type { AuditRecord } from '../rows.ts';

/** A record in its place in the chain. */
export interface AuditEntry extends AuditRecord {
  /** From 1; no number is left out. */
  readonly seq: number;
  readonly hash: string;
}

export interface AuditQuery extends PageQuery {
  readonly caller?: string;
  readonly operation?: string;
  /** Of any kind. */
  readonly handle?: string;
  readonly outcome?: string;
  /** Epoch milliseconds. */
  readonly since?: number;
  /** Epoch milliseconds, exclusive. */
  readonly until?: number;
  /** Default: newest. */
  readonly order?: 'newest' | 'oldest';
}

export interface AuditStore {
  /** Appends to the hash chain, in order, in one transaction. */
  append(records: readonly AuditRecord[]): Promise<void>;
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
  /** Walks the chain; the id of the first record that does not fit, or null. */
  verify(): Promise<{ records: number; brokenAt: string | null }>;
  /** Removes the oldest records, up to the first from `before` (epoch milliseconds) on; the chain goes on from there. */
  prune(before: number): Promise<number>;
}
