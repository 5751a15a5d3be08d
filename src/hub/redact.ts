import type { Json, JsonObject } from '../store/rows.ts';

const SECRET_NAME = /authori[sz]ation|token|secret|password|passwd|api[_-]?key|credential|cookie|private[_-]?key/i;
/** Credentials inside a text: of a URL, of an Authorization header, and the well-known forms of access tokens. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1[redacted]@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 [redacted]'],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA)[\w-]{12,}/g, '[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[redacted]'],
];

/** A copy without secrets: values under telling names, and credentials inside texts. */
export function redact(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, SECRET_NAME.test(name) ? '[redacted]' : redactJson(member)]),
  );
}

function redactJson(value: Json): Json {
  if (typeof value === 'string') return SECRET_TEXTS.reduce((text, [form, mask]) => text.replace(form, mask), value);
  if (Array.isArray(value)) return value.map(redactJson);
  return typeof value === 'object' && value !== null ? redact(value) : value;
}
