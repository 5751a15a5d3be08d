import type { Generated } from 'kysely';

/** Calls with keys, and the sessions of MCP in which calls come. */
export interface CallTables {
  idempotency: IdempotencyTable;
  client_session: ClientSessionTable;
}

interface IdempotencyTable {
  caller: string;
  operation: string;
  key: string;
  args_hash: string;
  /** Null while the call runs. */
  result: string | null;
  /** The hub that runs it. */
  owner: string | null;
  /** What makes the ids of this call's things unguessable; every attempt at it has the same. */
  nonce: string;
  expires_at: number;
}

interface ClientSessionTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  connection: string;
  opening: string;
  last_used_at: number;
}
