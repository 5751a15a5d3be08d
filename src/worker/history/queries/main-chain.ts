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
  readonly uid: string;
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
  const all = [...byUid.values()];
  const strays = all.filter(
    ({ uid, parent, message }) =>
      message?.role === 'user' && (message.flags & RESULT) !== 0 && parent !== null && !shown.has(uid),
  );
  const pieces = Map.groupBy(all, answerOf);
  // Where nothing strayed nobody needs to know which result is whose.
  const results = strays.length === 0 ? undefined : new StrayResults(strays, { all, chain, partsOf });
  const last = new Map(chain.map(entry => [answerOf(entry), entry.uid]));
  last.delete(undefined);
  const added = new Map<string, readonly TreeEntry[]>();
  // In the order in which answers begin: the first that can take a result does.
  for (const [answer, uid] of last) {
    const own = pieces.get(answer) ?? [];
    const others = own.filter(piece => !shown.has(piece.uid)).sort(byTime);
    const more = [...others, ...(results?.of(own, shown) ?? [])];
    for (const entry of more) shown.add(entry.uid);
    added.set(uid, more);
  }
  return chain.flatMap(entry => [entry, ...(added.get(entry.uid) ?? [])]);
}

const answerOf = ({ message }: TreeEntry): string | undefined =>
  message?.role === 'assistant' ? (message.answer ?? undefined) : undefined;

/** Results of tools that are not on the way up, and whose they are. */
class StrayResults {
  readonly #strays: readonly TreeEntry[];
  readonly #answered: ReadonlySet<string>;
  readonly #partsOf: Chain['partsOf'];
  /** Calls by id; null where several answers have one of the same id, so that nobody can tell. */
  readonly #caller = new Map<string, TreeEntry | null>();

  constructor(strays: readonly TreeEntry[], { all, chain, partsOf }: Chain & { all: readonly TreeEntry[] }) {
    this.#strays = strays;
    this.#partsOf = partsOf;
    this.#answered = new Set(chain.flatMap(entry => this.#resultsIn(entry)));
    for (const entry of all) {
      if (answerOf(entry) === undefined || entry.message === undefined) continue;
      for (const part of partsOf(entry.message)) {
        if (part.type !== 'tool_use') continue;
        const known = this.#caller.get(part.call);
        const isSame = known === undefined || (known !== null && answerOf(known) === answerOf(entry));
        this.#caller.set(part.call, isSame ? entry : null);
      }
    }
  }

  /** Those below an answer's messages, and those elsewhere that bring what one of its calls still lacks. */
  of(pieces: readonly TreeEntry[], shown: ReadonlySet<string>): TreeEntry[] {
    const uids = new Set(pieces.map(({ uid }) => uid));
    const open = this.#strays.filter(({ uid }) => !shown.has(uid));
    const isBelow = ({ parent }: TreeEntry): boolean => parent !== null && uids.has(parent);
    const found = open.filter(isBelow);
    const answered = new Set([...this.#answered, ...found.flatMap(entry => this.#resultsIn(entry))]);
    for (const entry of open) {
      if (isBelow(entry)) continue;
      const brought = this.#resultsIn(entry);
      const isNeeded = brought.some(call => {
        const caller = this.#caller.get(call);
        return !answered.has(call) && caller && uids.has(caller.uid) && isSidechain(caller) === isSidechain(entry);
      });
      if (!isNeeded) continue;
      for (const call of brought) answered.add(call);
      found.push(entry);
    }
    return found.sort(byTime);
  }

  #resultsIn({ message }: TreeEntry): string[] {
    if (message === undefined || (message.flags & RESULT) === 0) return [];
    return this.#partsOf(message).flatMap(part => (part.type === 'tool_result' ? [part.call] : []));
  }
}

const isSidechain = ({ message }: TreeEntry): boolean => ((message?.flags ?? 0) & SIDECHAIN) !== 0;

const byTime = (a: TreeEntry, b: TreeEntry): number =>
  (a.message?.time ?? 0) - (b.message?.time ?? 0) || a.place - b.place;
