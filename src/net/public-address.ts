import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** IPv4 ranges that no name of the internet leads to: private, loopback, link-local, metadata, shared, test, multicast. */
const V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** IPv6 is the other way round: only global unicast may be dialled, less what in it carries an IPv4 address or is reserved. */
const V6_GLOBAL: readonly [string, number] = ['2000::', 3];
const V6_RESERVED: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const refusedV4 = new BlockList();
for (const [net, bits] of V4) refusedV4.addSubnet(net, bits, 'ipv4');
const globalV6 = new BlockList();
globalV6.addSubnet(...V6_GLOBAL, 'ipv6');
const refusedV6 = new BlockList();
for (const [net, bits] of V6_RESERVED) refusedV6.addSubnet(net, bits, 'ipv6');

/**
 * Whether a resolved address is one of the internet. False for private, loopback, link-local, carrier-grade NAT, multicast and
 * metadata addresses, for IPv6 forms that hold an IPv4 address, for zones, and for what is no address.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !refusedV4.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  return globalV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6');
}
