const CONTEXT = 3;
/** Beyond so many changed lines on both sides they are shown as a whole: comparing each with each would take too long. */
const MAX_COMPARED = 1500;

type Line = { readonly sign: ' ' | '-' | '+'; readonly text: string };

/**
 * The change as a unified diff, with secrets of what stands nearby made unreadable: it is shown on terminals, and copied from there.
 * Undefined stands for a file that is not there.
 */
export function diffOf(before: string | undefined, after: string | undefined, { name }: { name: string }): string {
  const lines = compared(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines).map(({ start, end }) => {
    const part = lines.slice(start, end);
    const at = (sign: '-' | '+') =>
      lines.slice(0, start).filter(line => line.sign !== (sign === '-' ? '+' : '-')).length;
    const count = (sign: '-' | '+') => part.filter(line => line.sign === ' ' || line.sign === sign).length;
    const range = (sign: '-' | '+') => `${at(sign) + (count(sign) > 0 ? 1 : 0)},${count(sign)}`;
    const body = part.map(({ sign, text }) => `${sign}${masked(text)}`);
    return [`@@ -${range('-')} +${range('+')} @@`, ...body].join('\n');
  });
  const [old, fresh] = [before, after].map(text => (text === undefined ? '/dev/null' : name));
  return [`--- ${old}`, `+++ ${fresh}`, ...hunks].join('\n');
}

const linesOf = (text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : text.replace(/\n$/, '').split('\n');

function compared(before: readonly string[], after: readonly string[]): Line[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const same = (text: string): Line => ({ sign: ' ', text });
  return [
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** By the longest common subsequence of lines. */
function middle(before: readonly string[], after: readonly string[]): Line[] {
  const removed = (text: string): Line => ({ sign: '-', text });
  const added = (text: string): Line => ({ sign: '+', text });
  if (before.length > MAX_COMPARED || after.length > MAX_COMPARED) return [...before.map(removed), ...after.map(added)];
  const width = after.length + 1;
  const lengths = new Uint16Array((before.length + 1) * width);
  const lengthAt = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const isSame = before[i] === after[j];
      lengths[i * width + j] = isSame ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    const [old = '', fresh = ''] = [before[i], after[j]];
    if (old === fresh) lines.push({ sign: ' ', text: old });
    else lines.push(lengthAt(i + 1, j) >= lengthAt(i, j + 1) ? removed(old) : added(fresh));
    const { sign = ' ' } = lines.at(-1) ?? {};
    if (sign !== '+') i += 1;
    if (sign !== '-') j += 1;
  }
  return [...lines, ...before.slice(i).map(removed), ...after.slice(j).map(added)];
}

function hunksOf(lines: readonly Line[]): { start: number; end: number }[] {
  const hunks: { start: number; end: number }[] = [];
  for (const [at, { sign }] of lines.entries()) {
    if (sign === ' ') continue;
    const [start, end] = [Math.max(0, at - CONTEXT), Math.min(lines.length, at + CONTEXT + 1)];
    const last = hunks.at(-1);
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  return hunks;
}

/** Values whose names say that they are secret, and bearer tokens wherever they stand; names of variables stay readable. */
function masked(line: string): string {
  const shown = line.length > 400 ? `${line.slice(0, 400)} …` : line;
  return shown
    .replace(
      /(["']?[\w-]*(?:token|secret|password|api[_-]?key|authorization)[\w-]*["']?\s*[:=]\s*)(["'])(?!\$|Bearer \$|\{env:|Bearer \{env:)[^"']+\2/gi,
      '$1$2…$2',
    )
    .replace(/\b(Bearer )(?!\$|\{env:)[\w.~+/-]{8,}/g, '$1…');
}
