import assert from 'node:assert/strict';
import type { Peer } from '../support/wires.ts';

/** An argument as a contract gives it: its default, and values that are refused. */
export interface Argument {
  readonly default?: unknown;
  readonly refused: readonly unknown[];
}

/** A tool with its arguments. */
export interface ToolArguments {
  /** What must be given, with values that are taken. */
  readonly required: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, Argument>>;
}

/** A call that failed, as a person may read it. */
interface Failed {
  readonly code: string;
  readonly error: string;
  readonly details: unknown;
  readonly hint: string;
}

/** All that was said about a failure. */
export const saidOf = ({ error, details, hint }: Pick<Failed, 'error' | 'details' | 'hint'>): string =>
  `${error} ${JSON.stringify(details)} ${hint}`;

/** Each tool lists its arguments and no others, what it requires, and defaults. */
export async function assertListed(peer: Peer, tools: Readonly<Record<string, ToolArguments>>): Promise<void> {
  const listed = (await peer.client.listTools()).tools;
  for (const [name, { args, required }] of Object.entries(tools)) {
    const schema = listed.find(tool => tool.name === name)?.inputSchema;
    const properties = { ...schema?.properties };
    assert.deepEqual(Object.keys(properties).sort(), Object.keys(args).sort(), name);
    assert.deepEqual([...(schema?.required ?? [])].sort(), Object.keys(required).sort(), name);
    for (const [argument, { default: usual }] of Object.entries(args))
      if (usual !== undefined) assert.equal(Object(properties[argument]).default, usual, `${name} ${argument}`);
  }
}

/** Each argument is refused out of its bounds, of another kind or another word, and named. */
export async function assertRefused(
  fails: (tool: string, args: Record<string, unknown>) => Promise<Failed>,
  tools: Readonly<Record<string, ToolArguments>>,
): Promise<void> {
  for (const [name, { args, required }] of Object.entries(tools)) {
    for (const [argument, { refused }] of Object.entries(args)) {
      for (const value of refused) {
        const failed = await fails(name, { ...required, [argument]: value });
        const about = `${name} ${argument} ${JSON.stringify(value).slice(0, 30)}: ${saidOf(failed)}`;
        assert.equal(failed.code, 'VALIDATION_ERROR', about);
        assert.match(saidOf(failed), new RegExp(argument), about);
      }
    }
  }
}
