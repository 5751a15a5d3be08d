import type { Json, JsonObject } from '../store/rows.ts';

const SECRET_NAME = /authori[sz]ation|token|secret|password|passwd|api[_-]?key|credential|cookie|private[_-]?key/i;
/** Credentials inside a text: of a URL, of an Authorization header, and the well-known forms of access tokens. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1[redacted]@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 [redacted]'],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA)[\w-]{12,}/g, '[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '[redacted]'],
];

/** Something of every form above: most texts have nothing of any, and are seen to have none in one go. */
const MAYBE_SECRET = /:\/\/|bearer|basic|gh[pousr]_|github_pat_|glpat-|xox|sk-|AKIA|eyJ/i;

/** Names are few, and each of them is asked about in every call. */
const tellingNames = new Map<string, boolean>();
const MOST_NAMES = 1_000;

function isTelling(name: string): boolean {
  const known = tellingNames.get(name);
  if (known !== undefined) return known;
  const found = SECRET_NAME.test(name);
  if (tellingNames.size < MOST_NAMES) tellingNames.set(name, found);
  return found;
}

/** A copy without secrets: values under telling names, and credentials inside texts. */
export function redact(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, isTelling(name) ? '[redacted]' : redactJson(member)]),
  );
}

function redactJson(value: Json): Json {
  if (typeof value === 'string') return MAYBE_SECRET.test(value) ? redactText(value) : value;
  if (Array.isArray(value)) return value.map(redactJson);
  return typeof value === 'object' && value !== null ? redact(value) : value;
}

const redactText = (value: string): string =>
  SECRET_TEXTS.reduce((text, [form, mask]) => text.replace(form, mask), value);
