import type { FoundPart, Relink } from '../found.ts';
import { META, RESULT, SIDECHAIN } from '../index/schema.ts';

/** A message or another entry of a conversation's tree. */
export interface TreeEntry {
  readonly uid: string;
  readonly parent: string | null;
  readonly place: number;
  /** Never the end of the conversation. */
  readonly isLeafless: boolean;
  /** Absent: no message. */
  readonly message?: TreeMessage;
}

export interface TreeMessage {
  readonly id: number;
  readonly role: string;
  readonly flags: number;
  readonly time: number;
  readonly answer: string | null;
}

/**
 * The conversation as it stands: from its newest end up to its beginning, with the calls of tools that ran side by side. The rest are
 * abandoned branches and subagents. The same as what Claude's own SDK shows of a session, which a test compares.
 *
 * @param partsOf The parts of a message, which are only read where they decide.
 */
export function mainChain(
  entries: readonly TreeEntry[],
  { relinks, partsOf }: { relinks: readonly Relink[]; partsOf: (message: TreeMessage) => readonly FoundPart[] },
): TreeMessage[] {
  const byUid = new Map<string, TreeEntry>();
  for (const entry of entries) byUid.set(entry.uid, entry);
  for (const change of relinks) relinked(byUid, change);
  const end = endOf(byUid);
  if (end === undefined) return [];
  const chain = upFrom(byUid, end).reverse();
  const messages = withParallelCalls(byUid, { chain, partsOf });
  const shown = new Set(messages.map(({ uid }) => uid));
  return messages.flatMap(({ message }) => {
    if (message === undefined || (message.flags & (META | SIDECHAIN)) !== 0 || message.role === 'system') return [];
    // A queued prompt that became a message as well.
    if (message.role === 'user' && message.answer !== null && shown.has(message.answer)) return [];
    return [message];
  });
}

function relinked(byUid: Map<string, TreeEntry>, { anchor, kept, areAll }: Relink): void {
  const first = kept[0];
  const last = kept.at(-1);
  if (first === undefined || last === undefined || (areAll && kept.some(uid => !byUid.has(uid)))) return;
  let parent = anchor;
  for (const uid of areAll ? kept : [first]) {
    const entry = byUid.get(uid);
    if (entry !== undefined) byUid.set(uid, { ...entry, parent });
    parent = uid;
  }
  for (const [uid, entry] of byUid) {
    if (entry.parent === anchor && uid !== first) byUid.set(uid, { ...entry, parent: last });
  }
}

/** The newest message above an entry that nothing hangs below. */
function endOf(byUid: ReadonlyMap<string, TreeEntry>): TreeEntry | undefined {
  const able = [...byUid.values()].filter(entry => !entry.isLeafless);
  const parents = new Set(able.map(({ parent }) => parent));
  const leaves = able.filter(({ uid }) => !parents.has(uid)).sort((a, b) => b.place - a.place);
  const visited = new Set<string>();
  for (const leaf of leaves) {
    let entry: TreeEntry | undefined = leaf;
    while (entry !== undefined && !visited.has(entry.uid)) {
      if (entry.message !== undefined) return entry;
      visited.add(entry.uid);
      entry = entry.parent === null ? undefined : byUid.get(entry.parent);
    }
  }
  return undefined;
}

function upFrom(byUid: ReadonlyMap<string, TreeEntry>, end: TreeEntry): TreeEntry[] {
  const chain: TreeEntry[] = [];
  const visited = new Set<string>();
  let entry: TreeEntry | undefined = end;
  while (entry !== undefined && !visited.has(entry.uid)) {
    visited.add(entry.uid);
    chain.push(entry);
    entry = entry.parent === null ? undefined : byUid.get(entry.parent);
  }
  return chain;
}

interface Chain {
  readonly chain: readonly TreeEntry[];
  readonly partsOf: (message: TreeMessage) => readonly FoundPart[];
}

/**
 * An answer that calls several tools at once is written as several messages, and each result hangs below its own call: only one of
 * them is on the way up. The others belong after the answer's last message.
 */
function withParallelCalls(byUid: ReadonlyMap<string, TreeEntry>, { chain, partsOf }: Chain): readonly TreeEntry[] {
  const shown = new Set(chain.map(({ uid }) => uid));
  const pieces = new Map<string, TreeEntry[]>();
  const strayResults: TreeEntry[] = [];
  for (const entry of byUid.values()) {
    const { message } = entry;
    if (message?.role === 'assistant' && message.answer !== null) {
      pieces.set(message.answer, [...(pieces.get(message.answer) ?? []), entry]);
    } else if (message?.role === 'user' && (message.flags & RESULT) !== 0 && !shown.has(entry.uid)) {
      strayResults.push(entry);
    }
  }
  const lastPiece = new Map<string, string>();
  for (const { uid, message } of chain) {
    if (message?.role === 'assistant' && message.answer !== null) lastPiece.set(message.answer, uid);
  }
  return chain.flatMap(entry => {
    const answer = entry.message?.role === 'assistant' ? entry.message.answer : null;
    if (answer === null || answer === undefined || lastPiece.get(answer) !== entry.uid) return [entry];
    const all = pieces.get(answer) ?? [];
    const others = all.filter(({ uid }) => !shown.has(uid));
    const results = resultsOf(all, { strayResults, shown, partsOf });
    const added = [...others.sort(byTime), ...results.sort(byTime)];
    for (const { uid } of added) shown.add(uid);
    return [entry, ...added];
  });
}

interface Strays {
  readonly strayResults: readonly TreeEntry[];
  readonly shown: ReadonlySet<string>;
  readonly partsOf: Chain['partsOf'];
}

function resultsOf(pieces: readonly TreeEntry[], { strayResults, shown, partsOf }: Strays): TreeEntry[] {
  const uids = new Set(pieces.map(({ uid }) => uid));
  const open = strayResults.filter(({ uid }) => !shown.has(uid));
  if (open.length === 0) return [];
  const below = open.filter(({ parent }) => parent !== null && uids.has(parent));
  const calls = new Set(pieces.flatMap(({ message }) => (message === undefined ? [] : callsOf(partsOf(message)))));
  const elsewhere = open.filter(
    entry =>
      !below.includes(entry) &&
      entry.message !== undefined &&
      partsOf(entry.message).some(part => part.type === 'tool_result' && calls.has(part.call)),
  );
  return [...below, ...elsewhere];
}

const callsOf = (parts: readonly FoundPart[]): string[] =>
  parts.flatMap(part => (part.type === 'tool_use' ? [part.call] : []));

const byTime = (a: TreeEntry, b: TreeEntry): number =>
  (a.message?.time ?? 0) - (b.message?.time ?? 0) || a.place - b.place;
