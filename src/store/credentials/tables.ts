import type { Generated } from 'kysely';

export interface CredentialTables {
  api_token: ApiTokenTable;
}

/** What callers made for their scripts. */
interface ApiTokenTable {
  ordinal: Generated<number>;
  id: string;
  hash: string;
  caller: string;
  caller_name: string | null;
  name: string;
  scopes: string;
  teams: string;
  created_at: number;
  expires_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}
