import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, metadataAskedFor, metadataUrl, resourceAt } from './resource.ts';

test('a server has the same names however its address is written', () => {
  for (const address of [
    'https://Box.example.com',
    'https://box.example.com/',
    'https://box.example.com:443/mcp',
    'https://box.example.com/mcp/',
  ])
    assert.deepEqual(resourceAt(address), { base: 'https://box.example.com', mcp: 'https://box.example.com/mcp' });
});

test('metadata lies at the root, with the path of the resource behind it', () => {
  const root = resourceAt('https://box.example.com');
  assert.equal(metadataUrl(root, 'base'), 'https://box.example.com/.well-known/oauth-protected-resource');
  assert.equal(metadataUrl(root, 'mcp'), 'https://box.example.com/.well-known/oauth-protected-resource/mcp');
  const below = resourceAt('https://example.com/team/box');
  assert.equal(metadataUrl(below, 'mcp'), 'https://example.com/.well-known/oauth-protected-resource/team/box/mcp');
});

test('metadata is found by its path, whether a proxy keeps the path before it or not', () => {
  const of = (path: string, base = 'https://example.com/team') => metadataAskedFor(path, resourceAt(base));
  const place = '/.well-known/oauth-protected-resource';
  assert.deepEqual([of(place), of(`${place}/`), of(`${place}/team`)], ['base', 'base', 'base']);
  assert.deepEqual([of(`${place}/mcp`), of(`${place}/team/mcp`), of(`${place}/mcp/x/core`)], ['mcp', 'mcp', 'mcp']);
  for (const path of [`${place}/other`, `${place}mcp`, `${place}/mcp/x`, '/.well-known/oauth-authorization-server'])
    assert.equal(of(path), undefined, path);
});

test('addresses that differ in what does not matter are one, others are not', () => {
  assert.equal(canonical('HTTPS://A.example:443/x/'), canonical('https://a.example/x'));
  for (const other of [
    'http://a.example/x',
    'https://a.example/X',
    'https://a.example/x?y',
    'https://a.example.evil/x',
  ])
    assert.notEqual(canonical(other), canonical('https://a.example/x'));
  assert.equal(canonical('api://not an address/'), 'api://not an address');
});
