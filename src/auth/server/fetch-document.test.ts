import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchDocument } from './fetch-document.ts';

test('a document is asked for by https, at the usual port and where the address is public, in whatever way it is written', async () => {
  for (const address of [
    'http://example.com/',
    'https://example.com:8443/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://[::1]/',
    'https://localhost/',
  ])
    await assert.rejects(fetchDocument(address), /only https|not public/, address);
});
