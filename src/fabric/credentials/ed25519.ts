import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

// Keys of NATS as Node's own cryptography takes them, which signs and checks a hundred times faster than the client's.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** What PKCS #8 has in front of the 32 bytes of a seed. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_BYTES = 32;

/** Of a public key such as `U…`, whose first byte is its kind and whose last two are a checksum. */
export function publicKeyOf(text: string): KeyObject {
  const x = fromBase32(text).subarray(1, 1 + KEY_BYTES);
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') } });
}

/** Of a seed such as `SU…`, which has its kind in the first two bytes. */
export function privateKeyOf(seed: string): KeyObject {
  const raw = fromBase32(seed).subarray(2, 2 + KEY_BYTES);
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([PKCS8, raw]) });
}

/** RFC 4648 without padding, as NATS writes keys. Throws for any other letter. */
function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value === -1) throw new Error('this is not a key');
    bits = ((bits << 5) | value) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 0xff);
  }
  return Buffer.from(bytes);
}
