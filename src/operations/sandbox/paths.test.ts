import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../errors/app-error.ts';
import { relativePath } from './paths.ts';

function refusal(path: string): string {
  try {
    relativePath(path);
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'PATH_INVALID');
    return error.message;
  }
  assert.fail(`${JSON.stringify(path)} was taken`);
}

const taken: readonly [path: string, clean: string][] = [
  ['', ''],
  ['.', ''],
  ['./', ''],
  ['a.txt', 'a.txt'],
  ['a//b/./c/', 'a/b/c'],
  ['a/../b', 'b'],
  ['a/..', ''],
  ['..foo', '..foo'],
  ['...', '...'],
  ['a/..b/c', 'a/..b/c'],
  ['/workspace', ''],
  ['/workspace/', ''],
  ['/workspace/a', 'a'],
  ['/workspace//a', 'a'],
  ['workspace/a', 'workspace/a'],
  [' a\nb ', ' a\nb '],
  ['é'.repeat(2048), 'é'.repeat(2048)],
];

for (const [path, clean] of taken) {
  test(`${JSON.stringify(path.slice(0, 20))} is a path in the workspace`, () =>
    assert.equal(relativePath(path), clean));
}

test('an absolute path is refused with its own text', () => {
  for (const path of ['/etc/passwd', '/', '/workspaces/a', '/workspacea', '//workspace/a']) {
    assert.equal(refusal(path), `path must be relative to workspace root, got absolute path: ${path}`);
  }
});

test('a path that leaves the workspace is refused with its own text', () => {
  for (const path of ['..', '../a', 'a/../../b', 'a/../..', '/workspace/../etc', '/workspace/..', './..']) {
    assert.equal(refusal(path), `path traversal not allowed: ${path}`);
  }
});

test('a NUL and more than 4096 bytes are refused', () => {
  assert.match(refusal('a\0b'), /NUL/);
  assert.match(refusal(`${'é'.repeat(2048)}a`), /4096/);
});

const segment = fc.oneof(
  fc.constantFrom('..', '.', '', 'a', '..a', 'a..', 'workspace', '\0'),
  fc.string({ maxLength: 5 }),
);

test('whatever is taken stays inside, and names the same place when asked again', () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), segments => {
      const path = segments.join('/');
      let clean: string;
      try {
        clean = relativePath(path);
      } catch (error) {
        return error instanceof AppError && error.code === 'PATH_INVALID';
      }
      const resolved = posix.resolve('/root/of', clean);
      const isInside = resolved === '/root/of' || resolved.startsWith('/root/of/');
      return isInside && !clean.startsWith('/') && relativePath(clean) === clean;
    }),
  );
});
