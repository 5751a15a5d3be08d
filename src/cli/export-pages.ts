import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Operation } from '../operations/operation.ts';
import type { ClientCall, OperationClient } from './client.ts';
import type { Terminal } from './output.ts';

const pageSchema = z.object({ items: z.array(z.unknown()), next: z.string().nullable() });

interface Exporting {
  readonly field: string;
  readonly args: Record<string, unknown>;
  readonly call: ClientCall;
  readonly terminal: Terminal;
}

/** Prints what all pages have, a line of JSON each. Throws what a call throws: what was printed until then is whole lines. */
export async function exportPages(
  client: OperationClient,
  operation: Operation,
  { field, args, call, terminal }: Exporting,
): Promise<void> {
  let cursor: string | null | undefined;
  do {
    const { output } = await client.call(operation, cursor === undefined ? args : { ...args, cursor }, call);
    const page = pageSchema.safeParse({ items: output[field], next: output.next_cursor });
    if (!page.success) throw new AppError('INTERNAL_ERROR', 'the server answered with something that is no page');
    terminal.out(page.data.items.map(item => `${JSON.stringify(item)}\n`).join(''));
    cursor = page.data.next;
  } while (cursor !== null && !call.signal.aborted);
}
