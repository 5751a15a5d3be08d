import type { Twin } from './compare.ts';
import { asArgument, BASE, handleArguments, type Handles, neverExisted } from './handles.ts';
import { everyOperation } from './stage.ts';

/** Numbers from 0 to 1 that follow from a seed, so that a failure can be had again. */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What makes nothing of what it is given, however often it is called. A key alone makes whatever the operation makes. */
const withHandles = everyOperation.flatMap(operation => {
  const named = [...handleArguments(operation)].filter(([, kind]) => kind !== 'key' && kind !== 'listCursor');
  return named.length === 0 ? [] : [{ operation, named }];
});

/** Any operation with any handles of somebody else: often of the right kind, as often of another. */
export function randomCall(next: () => number, theirs: Handles): Twin {
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(next() * items.length)];
    if (item === undefined) throw new Error('there is nothing to choose from');
    return item;
  };
  const { operation, named } = pick(withHandles);
  const { listCursor: _listCursor, ...pool } = theirs;
  const values = Object.values(pool);
  const base = BASE[operation.name] ?? {};
  const foreign: Record<string, unknown> = { ...base };
  const never: Record<string, unknown> = { ...base };
  const handles: { foreign: string[]; never: string[] } = { foreign: [], never: [] };
  for (const [name, kind] of named) {
    const value = next() < 0.6 ? theirs[kind] : pick(values);
    const other = neverExisted(value);
    foreign[name] = asArgument(name, value);
    never[name] = asArgument(name, other);
    handles.foreign.push(value);
    handles.never.push(other);
  }
  return { operation, foreign, never, handles };
}
