import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPublicAddress } from './public-address.ts';

test('addresses of the internet are public', () => {
  for (const address of '1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 192.169.0.1 100.128.0.1 2606:4700::1111 2a00:1450::1'.split(
    ' ',
  )) {
    assert.equal(isPublicAddress(address), true, address);
  }
});

test('private, local, shared, multicast and metadata addresses are not public', () => {
  const v4 =
    '0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.0.1 168.63.129.16 169.254.169.254 172.16.0.1';
  const more =
    '172.31.255.255 192.0.0.192 192.168.1.1 198.18.0.1 203.0.113.7 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255';
  const v6 =
    ':: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001::1 2001:db8::1 2002:7f00:1::1 64:ff9b::7f00:1';
  const mapped = '::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:1.1.1.1 ::127.0.0.1';
  for (const address of `${v4} ${more} ${v6} ${mapped}`.split(' '))
    assert.equal(isPublicAddress(address), false, address);
});

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '1.1.1.1.']) assert.equal(isPublicAddress(text), false, text);
  fc.assert(fc.property(fc.string(), text => assert.equal(isPublicAddress(`${text}!`), false)));
});

test('no IPv4 address becomes public by being written as an IPv6 one', () => {
  fc.assert(fc.property(fc.ipV4(), address => assert.equal(isPublicAddress(`::ffff:${address}`), false)));
});
