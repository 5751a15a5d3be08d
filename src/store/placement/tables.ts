import type { Generated } from 'kysely';

/** Hubs and workers with their leases, and which worker has which workspace. */
export interface PlacementTables {
  hub: HubTable;
  worker: WorkerTable;
  waiting: WaitingTable;
  workspace: WorkspaceTable;
}

interface HubTable {
  id: string;
  lease_until: number;
}

interface WorkerTable {
  id: string;
  boot: string;
  site: string;
  slots: number;
  labels: string;
  capabilities: string;
  is_draining: number;
  /** The hub that moves its workspaces elsewhere. */
  drained_by: string | null;
  joined_at: number;
  lease_until: number;
  /** Some hub has taken care of its end. */
  is_reaped: Generated<number>;
}

/** A workspace that is to be made and has no slot yet. */
interface WaitingTable {
  ordinal: Generated<number>;
  /** That of the workspace. */
  id: string;
  caller: string;
  /** The hub at which it is wanted. */
  hub: string;
  labels: string;
}

interface WorkspaceTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  name: string;
  state: string;
  worker: string;
  epoch: number;
  generation: number;
  connection: string | null;
  engine: string;
  image: string | null;
  spec: string;
  metadata: string;
  ttl_seconds: number;
  created_at: number;
  last_activity_at: number;
  expires_at: number;
}
