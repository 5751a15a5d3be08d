import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerIn, hasTokenInQuery } from './bearer.ts';

test('a bearer token is what stands behind its word, however that is written', () => {
  for (const header of ['Bearer a.b-c_d~e+f/g==', 'bearer a.b-c_d~e+f/g==', 'BEARER  a.b-c_d~e+f/g== '])
    assert.deepEqual(bearerIn(header), { token: 'a.b-c_d~e+f/g==' });
});

test('no header is none; one that cannot be read is not taken for none', () => {
  assert.equal(bearerIn(undefined), 'none');
  for (const header of [
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    'Bearer a,b',
    'DPoP a',
    'token a',
    'Bearer "a"',
  ])
    assert.equal(bearerIn(header), 'unreadable', header);
  assert.equal(bearerIn(['Bearer a', 'Bearer b']), 'unreadable');
});

test('a token in an address is seen under each of its usual names', () => {
  for (const url of ['/mcp?access_token=x', '/mcp?a=1&token=x', '/sse?Access_Token=x', '/mcp?api_key='])
    assert.equal(hasTokenInQuery(url), true, url);
  for (const url of ['/mcp', '/mcp?task_id=x', '/token=x', '/mcp?next_token_hint=x', '/mcp?tokens=3'])
    assert.equal(hasTokenInQuery(url), false, url);
});
