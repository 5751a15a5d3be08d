import { parse, stringify } from 'smol-toml';
import { AppError } from '../../errors/app-error.ts';
import { checked, type Format, type Path } from './document.ts';

/**
 * TOML, of which whole tables are set and removed as lines of text. What is written in another form, such as an inline table, is
 * found by the check that reads each change back, and refused.
 */
export const tomlFormat: Format = checked({
  read: text => {
    try {
      return parse(text);
    } catch (cause) {
      const line = cause instanceof Error && 'line' in cause ? ` in line ${cause.line}` : '';
      throw new AppError('VALIDATION_ERROR', `it is not valid TOML${line}`, {
        hint: 'correct the file, or move it away; it was not changed',
        cause,
      });
    }
  },
  set: (text, path, value) => {
    const newline = text.includes('\r\n') ? '\r\n' : '\n';
    const document = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
    const block = stringify(document).trim().replaceAll('\n', newline);
    const lines = text.split('\n');
    const [first, ...others] = tablesAt(lines, path);
    if (first === undefined) {
      const gap = text === '' ? '' : text.endsWith('\n') ? newline : `${newline}${newline}`;
      return `${text}${gap}${block}${newline}`;
    }
    for (const { start, end } of others.toReversed()) lines.splice(start, end - start);
    const ending = newline === '\n' ? '' : '\r';
    lines.splice(first.start, first.end - first.start, `${block}${first.end < lines.length ? ending : ''}`);
    return lines.join('\n');
  },
  remove: (text, path) => {
    const lines = text.split('\n');
    for (const { start, end } of tablesAt(lines, path).toReversed()) {
      const isApart = start > 0 && lines[start - 1]?.trim() === '';
      lines.splice(isApart ? start - 1 : start, end - start + (isApart ? 1 : 0));
    }
    return lines.join('\n');
  },
});

/** The lines of a table with the tables in it that follow. Comments and empty lines before the next one belong to that. */
function tablesAt(lines: readonly string[], path: Path): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const [start, line] of lines.entries()) {
    if (!isHeaderOf(line, path) || start < (found.at(-1)?.end ?? 0)) continue;
    const next = lines.findIndex((other, at) => at > start && /^\s*\[/.test(other) && !isHeaderOf(other, path));
    let end = next < 0 ? lines.length : next;
    while (end > start + 1 && /^\s*(#.*)?$/.test(lines[end - 1] ?? '')) end -= 1;
    found.push({ start, end });
  }
  return found;
}

function isHeaderOf(line: string, path: Path): boolean {
  const header = /^\s*\[\s*([^[\]]+?)\s*\]\s*(#.*)?$/.exec(line)?.[1];
  if (header === undefined) return false;
  const keys = [...header.matchAll(/"([^"]*)"|'([^']*)'|([^.\s"']+)/g)].map(([, a, b, c]) => a ?? b ?? c);
  return path.every((key, at) => keys[at] === String(key));
}
