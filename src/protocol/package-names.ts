import { AppError } from '../errors/app-error.ts';

export type PackageManager = 'python' | 'node';

/** A package as it was asked for: `text` for the manager, `name` alone to find it by. */
export interface PackageName {
  readonly text: string;
  readonly name: string;
}

export const MAX_PACKAGES = 50;
const MAX_LENGTH = 300;
/** What pip and npm take for a file even without a slash. */
const ARCHIVE = /\.(?:zip|whl|tgz|tar|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lzma|lz))$/i;
const VERSION = '(?:===|==|~=|!=|<=|>=|<|>) *[A-Za-z0-9._*+!-]+';
/** PEP 508 without URL and marker: name, extras, versions. Of white space only blanks: a line break begins a new line of pip's. */
const PYTHON = new RegExp(
  `^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) *(?:\\[[A-Za-z0-9._, -]*\\])? *(?:${VERSION}(?: *, *${VERSION})*)?$`,
);
/** Name with or without scope, then a version, range or tag. Slashes, colons and `#` would make it a URL or a file. */
const NODE = /^((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@([A-Za-z0-9.^~<>=|*+_ -]+))?$/i;

/**
 * Checks the names of packages, so that none can be an option, a file or a URL to the manager. Throws VALIDATION_ERROR that
 * names the first bad one.
 */
export function parsePackageNames(manager: PackageManager, texts: readonly string[]): PackageName[] {
  if (texts.length < 1 || texts.length > MAX_PACKAGES) {
    throw badNames(`must have 1 to ${MAX_PACKAGES} names, got ${texts.length}`);
  }
  return texts.map((text, at) => parseName(manager, { text: text.trim(), entry: at + 1 }));
}

/** Messages tell the place of a bad name and never repeat it: a URL may hold a password. */
function parseName(manager: PackageManager, { text, entry }: { text: string; entry: number }): PackageName {
  const bad = (what: string) => badNames(`must hold names of packages: entry ${entry} is ${what}`);
  if (text === '' || text.length > MAX_LENGTH) throw bad('empty or too long');
  if (text.startsWith('-')) throw bad('an option');
  if (text.includes('://') || /^[a-z+]+:/i.test(text)) throw bad('a URL');
  const [, name, range = ''] = (manager === 'python' ? PYTHON : NODE).exec(text) ?? [];
  if (name === undefined || ARCHIVE.test(text) || ARCHIVE.test(name) || ARCHIVE.test(range)) {
    throw bad(/[/\\@]|^\./.test(text) || ARCHIVE.test(text) ? 'a file or path' : 'no name of a package');
  }
  return { text, name };
}

function badNames(problem: string): AppError {
  return new AppError('VALIDATION_ERROR', `argument "packages" ${problem}`, {
    hint: 'pass names such as "requests", "requests==2.32.3" or, for node, "left-pad@1.3.0"',
  });
}

/** The lists of the configuration that installing needs. */
export interface PackageSources {
  readonly python: { readonly index_urls: readonly string[] };
  readonly node: { readonly registry_urls: readonly string[] };
}

/** The index to install from: the configured one that was asked for, else the first. Throws INDEX_NOT_ALLOWED. */
export function chooseIndex(
  { manager, indexUrl }: { manager: PackageManager; indexUrl?: string },
  sources: PackageSources,
): URL {
  const urls = manager === 'python' ? sources.python.index_urls : sources.node.registry_urls;
  const allowed = urls.flatMap(text => URL.parse(text) ?? []);
  const wanted = indexUrl === undefined ? undefined : URL.parse(indexUrl);
  const chosen = indexUrl === undefined ? allowed[0] : allowed.find(url => wanted && sameIndex(url, wanted));
  if (chosen !== undefined) return chosen;
  const shown = allowed.map(publicText);
  throw new AppError('INDEX_NOT_ALLOWED', `package index ${indexUrl ?? `for ${manager}`} is not allowed`, {
    hint: shown.length === 0 ? 'no package index is configured; ask the operator' : `allowed: ${shown.join(', ')}`,
    details: { allowed: shown },
  });
}

const sameIndex = (one: URL, other: URL): boolean => publicText(one) === publicText(other);

/** Without credentials, which are the operator's, and without the slash that people leave out. */
function publicText(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}${url.search}`;
}
