/** The machine whose clients are set up; paths follow its platform. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a client reaches Boxswain: it starts a process, or it calls an address. */
export type Connection =
  | { readonly kind: 'process'; readonly command: string; readonly args: readonly string[] }
  | {
      readonly kind: 'address';
      readonly url: string;
      readonly toolsets: readonly string[];
      /** Name of the variable that holds the bearer token; the token itself is never seen here. */
      readonly tokenVariable?: string;
    };

export type ClientName =
  | 'claude-code'
  | 'claude-desktop'
  | 'cursor'
  | 'vs-code'
  | 'copilot-cli'
  | 'codex'
  | 'gemini-cli'
  | 'opencode'
  | 'zed';

/** One MCP client, as data: how it is recognized, which file it reads, and what an entry looks like there. */
export interface Client {
  readonly name: ClientName;
  readonly title: string;
  /** Names of its program. */
  readonly programs: readonly string[];
  /** Files and folders that are there where it is used. */
  traces(machine: Machine): readonly string[];
  /** Its configuration, the preferred file first. The first that exists is the one that is changed. */
  files(machine: Machine): readonly [string, ...string[]];
  readonly format: 'json' | 'toml';
  /** Where servers stand in the file, by keys. `document` is what the file holds now. */
  place(document: unknown): readonly string[];
  /** What stands there under the name of the server. Throws AppError where the client has no way to do it. */
  entry(connection: Connection): Record<string, unknown>;
  /** What makes the client read the file again. */
  readonly next: string;
}

/** The name under which Boxswain stands in every client. */
export const SERVER_NAME = 'boxswain';
