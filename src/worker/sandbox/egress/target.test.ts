import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { absoluteTarget, connectTarget } from './target.ts';

test('targets are read as they are written', () => {
  assert.deepEqual(connectTarget('API.example.com:443'), { host: 'api.example.com', port: 443 });
  assert.deepEqual(absoluteTarget('http://a.example:8080?q'), {
    target: { host: 'a.example', port: 8080 },
    path: '/?q',
  });
  assert.deepEqual(absoluteTarget('http://a.example/x?y'), { target: { host: 'a.example', port: 80 }, path: '/x?y' });
});

test('what has another form has no target', () => {
  for (const text of [
    'a.example',
    'a.example:',
    ':443',
    'a:0',
    'a:65536',
    'u@a:443',
    '[::1]:443',
    'http://a:443',
    'a:443/x',
  ]) {
    assert.equal(connectTarget(text), undefined, text);
  }
  for (const text of [
    '/x',
    'https://a/',
    'ftp://a/',
    'http:///x',
    'http://u@a/',
    'http://a/#f',
    'http://[::1]/',
    '*',
  ]) {
    assert.equal(absoluteTarget(text), undefined, text);
  }
});

test('a URL leads where a URL parser says it leads, or nowhere', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab.:/@?#[]\\%0 1\0\t') });
  fc.assert(
    fc.property(text, rest => {
      const found = absoluteTarget(`http://${rest}`);
      const url = URL.parse(`http://${rest}`);
      if (found === undefined || url === null || /[^a-z0-9.-]/.test(found.target.host)) return;
      // Numbers are turned into addresses by the parser; the gate refuses them by name.
      if (/^[\d.]+$/.test(url.hostname)) return;
      assert.equal(url.hostname, found.target.host);
      assert.equal(Number(url.port || 80), found.target.port);
    }),
  );
});
