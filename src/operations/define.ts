import type { z } from 'zod';
import { type ArgumentsOf, badArguments, withoutAliases } from './arguments.ts';
import {
  Answered,
  type Operation,
  type OperationContext,
  type OperationResult,
  type OperationSpec,
  type PreparedCall,
} from './operation.ts';

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** Makes an operation of its spec. Whatever does not depend on a call is done here, once. */
export function defineOperation<Input extends z.ZodObject, Output extends z.ZodType<Record<string, unknown>>>(
  spec: OperationSpec<Input, Output>,
): Operation {
  if (!NAME.test(spec.name)) throw new Error(`clients refuse a tool of the name ${spec.name}`);
  const argumentAliases = spec.argumentAliases ?? {};
  const aliasPairs = Object.entries(argumentAliases);
  const about: ArgumentsOf = { name: spec.name, input: spec.input, aliases: argumentAliases };
  return {
    name: spec.name,
    aliases: spec.aliases ?? [],
    toolset: spec.toolset,
    title: spec.title,
    description: spec.description,
    input: spec.input,
    argumentAliases,
    output: spec.output,
    hints: spec.hints,
    scope: spec.scope,
    ordered: spec.ordered ?? false,
    core: spec.core ?? false,
    always: spec.always ?? false,
    also: spec.also ?? [],
    isTool: spec.isTool ?? true,
    cli: spec.cli,
    failure: spec.failure,
    prepare(args) {
      const named = aliasPairs.length === 0 ? args : withoutAliases(args, aliasPairs);
      const parsed = spec.input.safeParse(named);
      if (!parsed.success) throw badArguments(about, named, parsed.error);
      return new Prepared(spec, parsed.data);
    },
    textOf: (output, args) => textOf(spec, spec.output.parse(output), spec.input.parse(args)),
  };
}

function textOf<Input extends z.ZodObject, Output extends z.ZodType<Record<string, unknown>>>(
  spec: OperationSpec<Input, Output>,
  output: z.output<Output>,
  input: z.output<Input>,
): string[] {
  const text = spec.text?.(output, input) ?? JSON.stringify(output);
  return typeof text === 'string' ? [text] : text;
}

class Prepared<Input extends z.ZodObject, Output extends z.ZodType<Record<string, unknown>>> implements PreparedCall {
  readonly input: z.output<Input>;
  readonly #spec: OperationSpec<Input, Output>;

  constructor(spec: OperationSpec<Input, Output>, input: z.output<Input>) {
    this.#spec = spec;
    this.input = input;
  }

  async run(context: OperationContext): Promise<OperationResult> {
    const answer = await this.#spec.run(this.input, context);
    if (answer instanceof Answered) return { output: answer.output, text: answer.text };
    return { output: answer, text: textOf(this.#spec, answer, this.input) };
  }
}
