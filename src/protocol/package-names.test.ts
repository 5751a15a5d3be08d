import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import { chooseIndex, type PackageManager, parsePackageNames } from './package-names.ts';

const isRefused = (error: unknown) => error instanceof AppError && error.code === 'VALIDATION_ERROR';

test('names with extras and versions are taken apart', () => {
  const python = ['requests', 'zope.interface', 'uvicorn[standard]>=0.3,<1', 'a_b == 1.0.post1', 'x~=1.2', 'y===1!2+l'];
  const names = ['requests', 'zope.interface', 'uvicorn', 'a_b', 'x', 'y'];
  assert.deepEqual(
    parsePackageNames('python', python).map(({ name }) => name),
    names,
  );
  const node = ['left-pad', '@types/node@^24', 'jest@29.7.0', 'a@latest', 'b@>=1 <2'];
  assert.deepEqual(
    parsePackageNames('node', node).map(({ name }) => name),
    ['left-pad', '@types/node', 'jest', 'a', 'b'],
  );
});

test('options, files, paths and URLs are refused', () => {
  const both = [
    '--index-url',
    '-r',
    '-e .',
    '-',
    '@file',
    '@',
    '',
    './x',
    '../x',
    '/x',
    'a/b/c',
    'x.whl',
    'x.tar.gz',
    'x.tgz',
  ];
  const urls = [
    'https://e.example/x',
    'git+https://e.example/x',
    'file:x',
    'git:x',
    'github:a/b',
    'a b',
    'a;b',
    'a\0',
    'a\n-r',
    'a>\n1',
    'a\n[b]',
    'a[b,\nc]',
    'a>1\n,<2',
    'a>1,\t<2',
  ];
  for (const manager of ['python', 'node'] satisfies PackageManager[]) {
    for (const text of [...both, ...urls]) {
      assert.throws(() => parsePackageNames(manager, [text]), isRefused, `${manager} ${JSON.stringify(text)}`);
    }
  }
  for (const text of ['a @ https://e.example/x', 'a@1', 'a/b']) {
    assert.throws(() => parsePackageNames('python', [text]), isRefused, text);
  }
  for (const text of ['a/b', 'a@npm:b', 'a@file:b', 'a@git+ssh://x', 'a@b/c', 'a@x.tgz', '@a', '@a/b/c', '@a/-b']) {
    assert.throws(() => parsePackageNames('node', [text]), isRefused, text);
  }
});

test('a name that passes holds nothing that a manager reads as an option, a path or a URL', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab1-@/:.[]=<> \n\0') }));
  fc.assert(
    fc.property(fc.constantFrom<PackageManager>('python', 'node'), text, (manager, given) => {
      let parsed: { text: string; name: string }[];
      try {
        parsed = parsePackageNames(manager, [given]);
      } catch (error) {
        assert.ok(isRefused(error));
        return;
      }
      const [found = { text: '', name: '' }] = parsed;
      assert.match(found.text, /^[^-./:\\\s]/);
      assert.doesNotMatch(found.text, /[:\\#\0\n]/);
      assert.ok(!found.text.includes('/') || (manager === 'node' && /^@[^/]+\/[^/]+$/.test(found.text)));
    }),
  );
});

test('1 to 50 names may be given', () => {
  assert.throws(() => parsePackageNames('python', []), isRefused);
  assert.equal(parsePackageNames('python', Array(50).fill('a')).length, 50);
  assert.throws(() => parsePackageNames('python', Array(51).fill('a')), isRefused);
});

test('an index must be one of the configured ones; credentials of the operator are not shown', () => {
  const sources = {
    python: { index_urls: ['https://u:p@a.example/simple/', 'https://b.example/simple'] },
    node: { registry_urls: [] },
  };
  assert.equal(chooseIndex({ manager: 'python' }, sources).href, 'https://u:p@a.example/simple/');
  const chosen = chooseIndex({ manager: 'python', indexUrl: 'https://b.example/simple/' }, sources);
  assert.equal(chosen.href, 'https://b.example/simple');
  for (const indexUrl of [
    'https://evil.example/simple',
    'x',
    'https://b.example/simple/../evil',
    'http://b.example/simple',
  ]) {
    assert.throws(() => chooseIndex({ manager: 'python', indexUrl }, sources), {
      code: 'INDEX_NOT_ALLOWED',
      hint: 'allowed: https://a.example/simple, https://b.example/simple',
    });
  }
  assert.throws(() => chooseIndex({ manager: 'node' }, sources), { code: 'INDEX_NOT_ALLOWED' });
});
