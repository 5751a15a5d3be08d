import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

/** A path of keys, and of positions in lists. */
export type Path = readonly (string | number)[];

/** Changes the text of a configuration file, and leaves every byte that is not concerned as it is. */
export interface Format {
  /** What the text says; `{}` for one that says nothing. Throws AppError where it is broken. */
  read(text: string): unknown;
  /** Sets a value, and makes what is missing on the way to it. */
  set(text: string, path: Path, value: unknown): string;
  remove(text: string, path: Path): string;
}

const objectSchema = z.record(z.string(), z.unknown());
const listSchema = z.array(z.unknown());

/** The value at the path, if there is one. */
export function valueAt(document: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => childOf(value, key), document);
}

function childOf(value: unknown, key: string | number): unknown {
  if (typeof key === 'number') return listSchema.safeParse(value).data?.[key];
  const object = objectSchema.safeParse(value).data;
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * The format with a check of its work: each change is read back, and must say what was said before but for that one value. What cannot
 * be changed so is refused, with the file as it was.
 */
export function checked(format: Format): Format {
  return {
    read: format.read,
    set: (text, path, value) => {
      const document = format.read(text);
      refuseOtherForms(document, path);
      if (isSame(valueAt(document, path), value)) return text;
      return proved(format.set(text, path, value), [withValue(document, path, value)]);
    },
    remove: (text, path) => {
      const document = format.read(text);
      if (valueAt(document, path) === undefined) return text;
      const without = withValue(document, path, undefined);
      // A table of TOML that holds tables only is not written, and so is gone with the last of them.
      return proved(format.remove(text, path), [without, withoutEmpty(without, path.slice(0, -1))]);
    },
  };

  function proved(text: string, expected: readonly unknown[]): string {
    const said = readOr(text);
    if (expected.some(one => isSame(said, one))) return text;
    throw new AppError('VALIDATION_ERROR', 'the file is written in a form that cannot be changed safely', {
      hint: 'add the entry by hand: --print shows it; the file was not changed',
    });
  }

  function readOr(text: string): unknown {
    try {
      return format.read(text);
    } catch {
      return undefined;
    }
  }
}

/** Whether both say the same in a file; parsers differ in prototypes, which mean nothing there. */
export const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(plain(one), plain(other));

const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

function refuseOtherForms(document: unknown, path: Path): void {
  for (const depth of path.keys()) {
    const value = valueAt(document, path.slice(0, depth));
    if (value === undefined) return;
    if (objectSchema.safeParse(value).success) continue;
    const where = depth === 0 ? 'the file' : `"${path.slice(0, depth).join('.')}"`;
    throw new AppError('VALIDATION_ERROR', `${where} holds something else than entries by name`, {
      hint: 'correct it by hand; the file was not changed',
    });
  }
}

function withoutEmpty(document: unknown, path: Path): unknown {
  if (path.length === 0 || !isSame(valueAt(document, path), {})) return document;
  return withoutEmpty(withValue(document, path, undefined), path.slice(0, -1));
}

function withValue(document: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const list = listSchema.parse(document);
    const child = withValue(list[key], rest, value);
    return child === undefined ? list.toSpliced(key, 1) : list.with(key, child);
  }
  const object = objectSchema.parse(document ?? {});
  const entries = Object.entries(object).filter(([name]) => name !== key);
  const child = withValue(childOf(object, key), rest, value);
  return Object.fromEntries(child === undefined ? entries : [...entries, [key, child]]);
}
