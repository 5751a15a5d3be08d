/** One row of a contract, by name; each must be verified somewhere (see `verified.test.ts`). */
export interface Requirement {
  readonly id: string;
  /** Where it can be seen; `mcp` stands for stdio and HTTP, and for both protocol eras where they differ. */
  readonly wires: readonly ('mcp' | 'http' | 'cli' | 'process')[];
  readonly text: string;
  /** The test that verifies it, where that is not one of the manifest's own: a file of this repository, and how the test's name begins. */
  readonly by?: { readonly file: string; readonly test: string };
}

export const mcp = (id: string, text: string): Requirement => ({ id, wires: ['mcp'], text });
export const http = (id: string, text: string): Requirement => ({ id, wires: ['http'], text });
export const cli = (id: string, text: string): Requirement => ({ id, wires: ['cli'], text });
export const machine = (id: string, text: string): Requirement => ({ id, wires: ['process'], text });

type Row = readonly [id: string, text: string, test: string];

/** Rows that tests of this file verify, each by how the test's name begins. */
export const rowsOf =
  (file: string, wires: Requirement['wires']) =>
  (rows: readonly Row[]): Requirement[] =>
    rows.map(([id, text, test]) => ({ id, wires, text, by: { file, test } }));
