import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchDocument } from './fetch-document.ts';
import { isPublicAddress } from '../../net/public-address.ts';

test('addresses of this machine, of private networks, of clouds and of no use are not public', () => {
  for (const address of [
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'localhost',
    '',
  ])
    assert.equal(isPublicAddress(address), false, address);
});

test('addresses of the internet are', () => {
  for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '192.169.0.1', '2606:4700::1111', '2a00:1450::1'])
    assert.equal(isPublicAddress(address), true, address);
});

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
