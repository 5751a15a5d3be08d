import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areNative, formTargetOf, isSafeRedirect, placeOf } from './redirects.ts';

test('codes go over TLS, to the own machine, or to a program by its scheme, and nowhere else', () => {
  for (const uri of [
    'https://a.example/cb',
    'http://localhost:1/',
    'http://127.0.0.1/x',
    'http://[::1]:2/',
    'vscode://x/y',
    'com.example.app:/cb',
  ])
    assert.equal(isSafeRedirect(uri), true, uri);
  for (const uri of [
    'http://a.example/',
    'http://127.0.0.2/',
    'https://u:p@a.example/',
    'https://a.example/#x',
    'JavaScript:alert(1)',
    'data:,x',
    'x',
  ])
    assert.equal(isSafeRedirect(uri), false, uri);
});

test('a program on the own machine is one whose addresses all lead there', () => {
  assert.equal(areNative(['http://localhost/', 'cursor://x']), true);
  assert.equal(areNative(['http://localhost/', 'https://a.example/']), false);
  assert.equal(areNative([]), false);
});

test('where a user will be sent is said so that it cannot be mistaken', () => {
  assert.equal(placeOf('https://a.example:8443/cb'), 'a.example:8443');
  assert.match(placeOf('http://127.0.0.1:7/'), /your own computer \(127\.0\.0\.1:7\)/);
  assert.match(placeOf('cursor://a.example/'), /your own computer \(cursor:\/\/\)/);
});

test('a form may lead there and nowhere else', () => {
  assert.equal(formTargetOf('https://a.example/cb?x'), 'https://a.example');
  assert.equal(formTargetOf('http://127.0.0.1:7/cb'), 'http://127.0.0.1:7');
  // Policies have no way to name an IPv6 address.
  assert.equal(formTargetOf('http://[::1]:7/cb'), 'http:');
  assert.equal(formTargetOf('cursor://a/b'), 'cursor:');
});
