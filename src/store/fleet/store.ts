import type { JsonObject } from '../rows.ts';

/** A change that some caller made to an agent. */
export interface AgentChange {
  readonly caller: string;
  readonly operation: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What is kept of the fleet: who watches it, how it looked last, and who changed what a moment ago. Agents' state is the providers'. */
export interface FleetStore {
  /** Takes or renews the right to watch and to deliver; false while another hub that is alive has it. */
  lead(hub: string, leaseSeconds: number): Promise<boolean>;
  /** The stream of events has a reader now. */
  markRead(): Promise<void>;
  /** `readAgoMs`: since its last reader; null when it never had one. */
  state(): Promise<{ readonly readAgoMs: number | null; readonly isOverCapacity: boolean }>;
  /** How each provider's agents looked last. */
  looks(): Promise<Map<string, JsonObject>>;
  /**
   * A new look and the events that follow from it, in one transaction, for the hub that leads: false, and nothing is written, for any
   * other.
   */
  saveLook(
    hub: string,
    look: {
      readonly looks: ReadonlyMap<string, JsonObject>;
      readonly isOverCapacity: boolean;
      readonly events: readonly { readonly type: string; readonly body: JsonObject }[];
    },
  ): Promise<boolean>;
  /** Notes a change, and answers the last one that another caller made within so many seconds. */
  noteChange(
    change: { readonly agent: string; readonly caller: string; readonly operation: string },
    options: { readonly windowSeconds: number },
  ): Promise<AgentChange | undefined>;
}
