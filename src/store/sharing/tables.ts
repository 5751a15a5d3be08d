import type { Generated } from 'kysely';

export interface SharingTables {
  share: ShareTable;
}

/** What one caller lets others use. */
interface ShareTable {
  ordinal: Generated<number>;
  id: string;
  kind: string;
  target: string;
  owner: string;
  grantee_kind: string;
  grantee: string;
  access: string;
  created_at: number;
}
