/** Where something stands in a JSON value. */
export type Path = readonly (string | number)[];

export interface Deviation {
  /** As in `tasks.0.id is missing`. */
  readonly name: string;
  readonly kind: 'more fields' | 'another word' | 'missing' | 'mistyped';
  readonly path: Path;
  /** An answer that deviates from the one that is given. */
  readonly lie: (body: unknown) => unknown;
}

export const NEW_FIELD = 'novelty';
export const NEW_WORD = 'a-word-of-tomorrow';

type Fields = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const gone = Symbol('gone');

/**
 * All the ways in which an answer may leave its document, one at a time: fields that nobody knows at every place, a new word for each
 * field of `words`, each field left out, each field of another type. Of lists only the first item is changed.
 */
export function deviationsOf(body: unknown, { words }: { words: ReadonlySet<string> }): Deviation[] {
  const places = placesIn(body);
  const at = (kind: Deviation['kind'], path: Path, change: (value: unknown) => unknown): Deviation => ({
    name: `${path.join('.')}: ${kind}`,
    kind,
    path,
    lie: given => changedAt(given, { path, change }),
  });
  return [
    at('more fields', [], withNews),
    ...places.filter(path => words.has(String(path.at(-1)))).map(path => at('another word', path, () => NEW_WORD)),
    ...places.filter(path => typeof path.at(-1) === 'string').map(path => at('missing', path, () => gone)),
    ...places.map(path =>
      at('mistyped', path, value => (isMap(value) || Array.isArray(value) ? 7 : { wrong: [true] })),
    ),
  ];
}

function placesIn(value: unknown, at: Path = []): Path[] {
  const inner = (key: string | number, item: unknown) => [[...at, key], ...placesIn(item, [...at, key])];
  if (Array.isArray(value)) return value.slice(0, 1).flatMap(item => inner(0, item));
  return isMap(value) ? Object.entries(value).flatMap(([key, item]) => inner(key, item)) : [];
}

function changedAt(
  value: unknown,
  { path: [key, ...rest], change }: { path: Path; change: (value: unknown) => unknown },
): unknown {
  if (key === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? changedAt(item, { path: rest, change }) : item));
  if (!isMap(value)) return value;
  const next = changedAt(value[key], { path: rest, change });
  const others = Object.entries(value).filter(([name]) => name !== key);
  return Object.fromEntries(next === gone ? others : [...others, [String(key), next]]);
}

function withNews(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNews);
  if (!isMap(value)) return value;
  const known = Object.entries(value).map(([key, item]) => [key, withNews(item)]);
  return Object.fromEntries([...known, [NEW_FIELD, 'new']]);
}
