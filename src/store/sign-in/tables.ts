export interface SignInTables {
  auth_user: AuthUserTable;
  auth_record: AuthRecordTable;
}

/** Somebody who may sign in at the built-in authorization server. */
interface AuthUserTable {
  name: string;
  password: string;
  scopes: string;
  teams: string;
  is_locked: number;
  failures: number;
  blocked_until: number;
  created_at: number;
  signed_in_at: number | null;
}

/** What that server remembers, of every kind. */
interface AuthRecordTable {
  kind: string;
  id: string;
  payload: string;
  grant_id: string | null;
  uid: string | null;
  account: string | null;
  consumed_at: number | null;
  expires_at: number | null;
}
