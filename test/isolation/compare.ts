import assert from 'node:assert/strict';
import type { Caller } from '../../src/auth/caller.ts';
import type { Operation } from '../../src/operations/operation.ts';
import type { Answer, Json, Stage } from './stage.ts';

/** One call in two forms: with handles of somebody else, and with such as never existed. */
export interface Twin {
  readonly operation: Operation;
  readonly foreign: Json;
  readonly never: Json;
  /** Those that stand in the arguments. */
  readonly handles: { readonly foreign: readonly string[]; readonly never: readonly string[] };
}

/**
 * Makes both calls and holds one answer to the other. `secrets`: words of whoever the foreign handles belong to, none of which may
 * stand in an answer unless it was asked for. Answers the code of the error, or `ok`.
 */
export async function assertAlike(
  { call }: Pick<Stage, 'call'>,
  { operation, foreign, never, handles }: Twin,
  { caller, secrets }: { caller: Caller; secrets: readonly string[] },
): Promise<string> {
  const [first, second] = [await call(caller, operation, foreign), await call(caller, operation, never)];
  const about = () =>
    `${operation.name} ${JSON.stringify(foreign)}\n${JSON.stringify(first)}\n${JSON.stringify(second)}`;
  const told = without(JSON.stringify(first), handles.foreign);
  const leaked = secrets.find(secret => told.includes(secret));
  assert.equal(leaked, undefined, `told ${leaked}: ${about()}`);
  assert.equal(settled(told), settled(without(JSON.stringify(second), handles.never)), about());
  return codeOf(first);
}

export const codeOf = (answer: Answer): string => ('error' in answer ? String(answer.error.code) : 'ok');

/** Longest first: some handles contain others. Some are shown cut, without what stands before them, or in small letters. */
function without(text: string, handles: readonly string[]): string {
  const known = [...new Set(handles.flatMap(handle => [handle, handle.replace(/^[a-z]+:/, ''), handle.slice(0, 64)]))];
  return known
    .sort((a, b) => b.length - a.length)
    .reduce(
      (left, handle) => left.replaceAll(new RegExp(handle.replaceAll(/[^\w-]/g, '\\$&'), 'gi'), '<handle>'),
      text,
    );
}

/** What differs between any two calls: ids of what they make and of themselves, times, durations, figures of use. */
const settled = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/\b([a-z]{2,4})_[0-9a-z]{24}\b/g, '<$1>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>')
    .replaceAll(/\b1\d{12}\b/g, '<ms>')
    .replaceAll(
      /("(?:duration_ms|computedAt|uptime|cpu_ms|memory_bytes|disk_bytes|total|total_count|position)\\?"):[\d.]+/g,
      '$1:0',
    )
    .replaceAll(/"(cursor|next_cursor|nextCursor)\\?":\\?"[\w-]+\\?"/g, '"$1":"<cursor>"');
