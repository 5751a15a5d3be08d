import type { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { AppError } from '../errors/app-error.ts';
import type { Hub } from '../hub/hub.ts';

/** Those that make tasks. */
export const toolsets = ['sandbox', 'fleet', 'codegen'] as const;
export type Toolset = (typeof toolsets)[number] | 'sessions';

/** `<toolset>:read`, `<toolset>:write`, `admin`; `any` means any scope at all, `any:read` the read scope of the task's toolset. */
export type RequiredScope = `${Toolset}:${'read' | 'write'}` | 'any' | 'any:read' | 'any:write' | 'admin';

/** MCP tool hints. They describe; they never authorize. */
export interface Hints {
  readonly readOnly: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
  readonly openWorld: boolean;
}

export interface Progress {
  readonly percent?: number;
  readonly stage?: string;
  /** At most 200 characters. */
  readonly message?: string;
}

/**
 * The connection a call came over, where it has a life of its own: a stdio connection or a legacy MCP session.
 * Such a connection has one default workspace, see `Hub.workspaces.resolve`.
 */
export interface Connection {
  readonly id: string;
}

export interface OperationContext {
  readonly hub: Hub;
  readonly caller: Caller;
  /** Aborted when the caller goes away or cancels. */
  readonly signal: AbortSignal;
  /** Ids a log line and an audit record need. */
  readonly requestId: string;
  readonly connection?: Connection;
  /** True when the client asked for a task handle at once (Tasks extension of MCP): `wait_seconds` becomes 0. */
  readonly wantsTask: boolean;
  /** Place in line for ordered operations, taken when the call was accepted; see `src/hub/lanes.ts`. */
  readonly turn: Turn;
  report(progress: Progress): void;
}

/** One place in the line of a workspace. `reached` settles when all places before it are done, and is nothing when they are; `done` is idempotent. */
export interface Turn {
  reached(): Promise<void> | undefined;
  done(): void;
}

/** Readable text beside `structuredContent`: one block, or several. Absent: compact JSON of the output. */
export type TextOf<Output, Input> = (output: Output, input: Input) => string | string[];

export interface CliShape {
  /** Words after `boxswain`, such as `['sandbox', 'python']`. */
  readonly words: readonly string[];
  /** The same command under other words. */
  readonly alias?: readonly string[];
  /** With `--wait` the call is made again until this field of its output is true. It must have the argument `wait_seconds`. */
  readonly waitsUntil?: string;
  /** Argument given by position, and whether it takes all the rest. */
  readonly positional?: string;
  readonly variadic?: boolean;
  /** Argument given by position after that one. */
  readonly second?: string;
  /** Flags of arguments that are not named like them. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Somebody at a terminal is asked before it is done, unless `--yes` is given. */
  readonly asksFirst?: boolean;
  /** `--attach FILE…` uploads files to the session and names them in the argument `attachments`. */
  readonly attaches?: boolean;
  /** With `--follow` its `events` are printed as they come, each call going on after the `cursor` of the one before. */
  readonly follows?: boolean;
  /** With `--follow` its `logs` are printed as they come, until the run that they are of has ended. */
  readonly followsRun?: boolean;
  /** All pages are printed, a line of JSON for each element of this field of the output. */
  readonly exports?: string;
  /** With `--follow` its `data` are printed as they come. */
  readonly followsLogs?: boolean;
  /** What is printed of the output in place of the operation's text. */
  readonly prints?: (output: Record<string, unknown>, args: Record<string, unknown>) => string;
  /** With `--wait` this tool is called after it, again and again, until what was begun is over; its output is printed too. */
  readonly awaits?: {
    readonly tool: string;
    argumentsOf(output: Record<string, unknown>): Record<string, unknown>;
    isOver(output: Record<string, unknown>): boolean;
  };
  /** The process exits with the output's `exit_code`. */
  readonly exitsWithProgram?: boolean;
  readonly examples: readonly string[];
}

/** An output whose text is known already, such as that of a task which ended earlier; used instead of `text`. */
export class Answered<Output> {
  readonly output: Output;
  readonly text: string[];

  constructor(output: Output, text: string[]) {
    this.output = output;
    this.text = text;
  }
}

/** A failure in the form of an output. */
export type Failure = (error: AppError) => Record<string, unknown>;

export interface OperationSpec<Input extends z.ZodObject, Output extends z.ZodType<Record<string, unknown>>> {
  /** `^[a-zA-Z0-9_-]{1,64}$`, the name that clients see. */
  readonly name: string;
  /** Other names that `tools/call` accepts. */
  readonly aliases?: readonly string[];
  readonly toolset: Toolset;
  readonly title: string;
  readonly description: string;
  /** A strict object: an unknown argument is refused. */
  readonly input: Input;
  /** Other names of arguments: `{ contents: 'content' }`. */
  readonly argumentAliases?: Readonly<Record<string, string>>;
  /** A loose object, so that a field added later breaks no client. */
  readonly output: Output;
  readonly hints: Hints;
  readonly scope: RequiredScope;
  /** Takes a place in the workspace's line when it is accepted. */
  readonly ordered?: boolean;
  /** Part of `--toolsets core`. */
  readonly core?: boolean;
  /** Listed with every toolset (`echo`, the task tools), but not with `core`. */
  readonly always?: boolean;
  /** Listed with these toolsets too. */
  readonly also?: readonly Toolset[];
  /** False: for operators, over HTTP and on the command line; models are never shown it. */
  readonly isTool?: boolean;
  readonly cli: CliShape;
  /** What MCP gives as structured content of a failure; absent: none. The output's schema must let it pass. */
  readonly failure?: Failure;
  readonly text?: TextOf<z.output<Output>, z.output<Input>>;
  run(input: z.output<Input>, context: OperationContext): Promise<z.output<Output> | Answered<z.output<Output>>>;
}

/** An operation as surfaces see it: arguments are still unknown, the result is plain data. */
export interface Operation {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly toolset: Toolset;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly argumentAliases: Readonly<Record<string, string>>;
  readonly output: z.ZodType<Record<string, unknown>>;
  readonly hints: Hints;
  readonly scope: RequiredScope;
  readonly ordered: boolean;
  readonly core: boolean;
  readonly always: boolean;
  readonly also: readonly Toolset[];
  readonly isTool: boolean;
  readonly cli: CliShape;
  readonly failure: Failure | undefined;
  /** Validates, runs, and renders; only `invoke` calls it. Throws AppError VALIDATION_ERROR on bad arguments. */
  prepare(args: Record<string, unknown>): PreparedCall;
  /** The text of an output that came without one. Throws for an output that the schema does not know. */
  textOf(output: Record<string, unknown>, args: Record<string, unknown>): string[];
}

export interface PreparedCall {
  readonly input: Record<string, unknown>;
  run(context: OperationContext): Promise<OperationResult>;
}

export interface OperationResult {
  readonly output: Record<string, unknown>;
  readonly text: string[];
}
