/**
 * Only 3 to 7 % of the bytes of Claude Code's transcripts are conversation. What a line is can be told from its first bytes, so that
 * the rest is never parsed. Whatever looks different from what is known here is parsed in full.
 */
export type ClaudeLine =
  /** Nothing that we want. */
  | { readonly kind: 'skip' }
  /** Of a kind that this version does not know. */
  | { readonly kind: 'unknown' }
  /** An attachment: part of the tree, but no text of ours. */
  | { readonly kind: 'entry'; readonly uid: string; readonly parent: string | null; readonly isSidechain: boolean }
  | { readonly kind: 'parse' };

const SKIP: ClaudeLine = { kind: 'skip' };
const UNKNOWN: ClaudeLine = { kind: 'unknown' };
const PARSE: ClaudeLine = { kind: 'parse' };

/** Types that are known and hold nothing for us. */
const skipped = new Set([
  'api-request',
  'api-request-blob',
  'api-request-shape',
  'atis-latch',
  'file-history-delta',
  'file-history-snapshot',
  'last-prompt',
  'mode',
  'queue-operation',
  'tag',
  'tools-used',
]);
const wanted = new Set([
  'ai-title',
  'assistant',
  'attachment',
  'cost-state',
  'custom-title',
  'permission-mode',
  'progress',
  'summary',
  'system',
  'user',
]);

const TYPE_FIRST = '{"type":"';
const HEAD_BYTES = 200;
const attachmentHead =
  /^\{"parentUuid":(?:null|"([^"\\]+)"),"isSidechain":(true|false),(?:"agentId":"[^"\\]*",)?"attachment":\{"type":"([a-z_]+)"/;
const ATTACHMENT_TAIL = '},"type":"attachment","uuid":"';
/** Attachments that say something of the conversation itself. */
const telling = new Set(['queued_command', 'fork_briefing']);

/** What a line of a transcript is worth, by its first bytes: most bytes of most transcripts hold no conversation and are never parsed. */
export function classifyClaudeLine(line: Buffer): ClaudeLine {
  const head = line.toString('latin1', 0, Math.min(HEAD_BYTES, line.length));
  if (head.startsWith(TYPE_FIRST)) {
    const type = head.slice(TYPE_FIRST.length, head.indexOf('"', TYPE_FIRST.length));
    if (skipped.has(type)) return SKIP;
    return wanted.has(type) ? PARSE : UNKNOWN;
  }
  const attachment = attachmentHead.exec(head);
  if (attachment === null || telling.has(attachment[3] ?? '')) return PARSE;
  // Raw quotes cannot stand inside a JSON string, so this is found at a place where members of an object begin.
  const tail = line.lastIndexOf(ATTACHMENT_TAIL);
  if (tail === -1) return PARSE;
  const from = tail + ATTACHMENT_TAIL.length;
  const uid = line.toString('latin1', from, Math.min(from + 64, line.length));
  const end = uid.indexOf('"');
  // A torn line has no end; the full parse will say so.
  if (end <= 0 || line[line.length - 1] !== 0x7d) return PARSE;
  return {
    kind: 'entry',
    uid: uid.slice(0, end),
    parent: attachment[1] ?? null,
    isSidechain: attachment[2] === 'true',
  };
}

export const isKnownClaudeType = (type: string): boolean => wanted.has(type) || skipped.has(type);
