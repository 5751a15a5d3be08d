/** A page of rows, newest first; `cursor` is opaque and exclusive. */
export interface Page<Row> {
  readonly rows: Row[];
  readonly nextCursor: string | null;
}

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}
