import assert from 'node:assert/strict';
import { sign, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { type Account, decode } from '@nats-io/jwt';
import { createUser } from '@nats-io/nkeys';
import fc from 'fast-check';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { Authority } from './authority.ts';
import { privateKeyOf, publicKeyOf } from './ed25519.ts';
import { type AccountFacts, ProofChecker, proverOf } from './proof.ts';

let directory: string;
let authority: Authority;
beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proof-'));
  authority = await Authority.open(directory);
});
afterLast(() => rm(directory, { recursive: true }));

const NOW = 1_800_000_000_000;
const GET = { method: 'GET', subject: 'abc' };

async function factsOf(one: Authority): Promise<AccountFacts> {
  const { sub, nats } = decode<Account>(await one.accountJwt());
  return { account: sub, signers: new Set(nats.signing_keys?.map(String)), revocations: nats.revocations ?? {} };
}
const checkerAt = (now: number) =>
  new ProofChecker(
    () => factsOf(authority),
    () => now,
  );

it('a worker proves who it is, for one method and subject', async () => {
  const prove = await proverOf((await authority.issue({ worker: 'w1' })).text);
  const checker = checkerAt(NOW);
  const proof = prove(GET, NOW);
  assert.deepEqual(await checker.check(proof, GET), { worker: 'w1' });
  assert.deepEqual(await checker.check(proof, { ...GET, method: 'PUT' }), { refused: 'invalid' });
  assert.deepEqual(await checker.check(proof, { ...GET, subject: 'abd' }), { refused: 'invalid' });
});

it('a proof is good for a minute, before and after, and says what time it is otherwise', async () => {
  const prove = await proverOf((await authority.issue({ worker: 'w1' })).text);
  const proof = prove(GET, NOW);
  for (const ahead of [-60_000, 0, 60_000])
    assert.deepEqual(await checkerAt(NOW + ahead).check(proof, GET), { worker: 'w1' });
  for (const ahead of [-60_001, 60_001])
    assert.deepEqual(await checkerAt(NOW + ahead).check(proof, GET), { refused: 'stale', time: NOW + ahead });
});

it('no proof comes from a hub, a stranger, an expired or a revoked credential, or with the key of another', async () => {
  const stranger = await Authority.open(join(directory, 'stranger'));
  const good = await authority.issue({ worker: 'w1' });
  const revoked = await authority.issue({ worker: 'w1' });
  await authority.revoke(revoked.publicKey);
  const [, jwt = ''] = good.text.split('\n');
  const [, ownJwt = ''] = revoked.text.split('\n');
  const credentials = [
    await authority.issue({ hub: 'h1' }),
    await authority.issueForLookup(),
    await stranger.issue({ worker: 'w1' }),
    await authority.issue({ worker: 'w1' }, { expiresAt: NOW - 1_000 }),
    revoked,
    { text: revoked.text.replace(ownJwt, jwt) },
  ];
  for (const { text } of credentials) {
    const prove = await proverOf(text);
    assert.deepEqual(await checkerAt(NOW).check(prove(GET, NOW), GET), { refused: 'invalid' });
  }
});

it('a credential that was taken once is refused as soon as it is revoked', async () => {
  const { text, publicKey } = await authority.issue({ worker: 'w1' });
  const prove = await proverOf(text);
  const checker = checkerAt(NOW);
  assert.deepEqual(await checker.check(prove(GET, NOW), GET), { worker: 'w1' });
  await authority.revoke(publicKey);
  assert.deepEqual(await checker.check(prove(GET, NOW), GET), { refused: 'invalid' });
});

it('whatever is sent instead of a proof is refused, and nothing else happens', async () => {
  const prove = await proverOf((await authority.issue({ worker: 'w1' })).text);
  const proof = prove(GET, NOW);
  const checker = checkerAt(NOW);
  // The last letter of a signature or JWT holds bits that count for nothing.
  const changed = fc
    .tuple(fc.nat(proof.length - 1), fc.constantFrom('A', 'z', '0', '.', ' ', '-'))
    .map(([at, letter]) => proof.slice(0, at) + letter + proof.slice(at + 1));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        changed,
        fc.nat(proof.length - 1).map(end => proof.slice(0, end)),
      ),
      async text => {
        const verdict = await checker.check(text, GET);
        if ('worker' in verdict) assert.equal(decodedParts(text), decodedParts(proof));
      },
    ),
    { numRuns: 200 },
  );
});

it('keys of NATS are the same to Node', () => {
  const text = Buffer.from('signed by either');
  for (let i = 0; i < 5; i++) {
    const pair = createUser();
    const secret = privateKeyOf(Buffer.from(pair.getSeed()).toString());
    assert.ok(pair.verify(text, sign(null, text, secret)));
    assert.ok(verify(null, text, publicKeyOf(pair.getPublicKey()), pair.sign(text)));
  }
});

/** What the parts of a proof mean, whatever letters spell them. */
function decodedParts(proof: string): string {
  const [head = '', ...parts] = proof.split('.');
  return [head, ...parts.map(part => Buffer.from(part, 'base64url').toString('hex'))].join('.');
}
