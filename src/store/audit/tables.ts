export interface AuditTables {
  audit: AuditTable;
  audit_head: AuditHeadTable;
  audit_anchor: AuditHeadTable;
}

interface AuditTable {
  seq: number;
  id: string;
  caller: string;
  operation: string;
  handles: string;
  outcome: string;
  duration_ms: number;
  time: number;
  details: string;
  hash: string;
}

/** One row: the end of the chain, so that records cut off from its end are missed too; or the last record that was removed for its age. */
interface AuditHeadTable {
  one: number;
  seq: number;
  hash: string;
}
