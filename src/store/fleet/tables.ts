export interface FleetTables {
  fleet_watch: FleetWatchTable;
  fleet_look: FleetLookTable;
  fleet_change: FleetChangeTable;
}

/** One row: which hub watches the fleet, and when somebody read of it last. */
interface FleetWatchTable {
  name: string;
  hub: string;
  lease_until: number;
  read_at: number | null;
  is_over: number;
}

/** How the agents of a provider looked last. */
interface FleetLookTable {
  provider: string;
  agents: string;
}

/** The last change that a caller made to an agent. */
interface FleetChangeTable {
  agent: string;
  caller: string;
  operation: string;
  changed_at: number;
}
