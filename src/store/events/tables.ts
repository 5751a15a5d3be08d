/** The log of streams, and how far connections have read it. */
export interface EventTables {
  stream: StreamTable;
  event: EventTable;
  poll_position: PollPositionTable;
}

/** What is known of a stream apart from its events, which may be pruned. */
interface StreamTable {
  stream: string;
  /** The highest epoch that ever appended. */
  epoch: number;
  last_seq: number;
  updated_at: number;
}

interface EventTable {
  stream: string;
  seq: number;
  epoch: number;
  type: string;
  body: string;
  time: number;
}

/** How far a connection has polled; the row without filters says since when it is there. */
interface PollPositionTable {
  connection: string;
  filters: string;
  seq: number;
  part: number;
  updated_at: number;
}
