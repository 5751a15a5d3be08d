import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { type Account, decode, type User } from '@nats-io/jwt';
import { Authority } from './authority.ts';
import { readCredential } from './credential.ts';
import { natsServerConfig } from './server-config.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'authority-'));
});
afterEach(() => rm(directory, { recursive: true }));

const keyFile = () => join(directory, 'nats-authority.json');
const jwtOf = (credential: { text: string }): string => credential.text.split('\n')[1] ?? '';

it('keeps its keys where only their owner reads them, and finds them again', async () => {
  const first = await Authority.open(directory);
  const again = await Authority.open(directory);
  assert.equal(again.account, first.account);
  assert.equal(again.systemAccount, first.systemAccount);
  assert.equal((await stat(keyFile())).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(directory), ['nats-authority.json']);
});

it('several processes that start at once agree on the keys', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => Authority.open(directory)));
  assert.equal(new Set(all.map(({ account }) => account)).size, 1);
  assert.deepEqual(await readdir(directory), ['nats-authority.json']);
});

it('refuses keys that others may read, and keys that are damaged, without telling them', async () => {
  await Authority.open(directory);
  await chmod(keyFile(), 0o640);
  await assert.rejects(Authority.open(directory), /chmod 600/);
  await chmod(keyFile(), 0o600);
  const text = await readFile(keyFile(), 'utf8');
  await writeFile(keyFile(), text.slice(0, 100));
  await assert.rejects(Authority.open(directory), (error: Error) => {
    assert.match(error.message, /damaged/);
    assert.doesNotMatch(error.message, /S[OA][A-Z2-7]{10}/);
    return true;
  });
});

it('a credential says for whom it is, is signed for the account, and is never the same twice', async () => {
  const authority = await Authority.open(directory);
  const credential = await authority.issue({ worker: 'w.1' });
  assert.deepEqual(await readCredential(credential.text), {
    identity: { worker: 'w.1' },
    publicKey: credential.publicKey,
    account: authority.account,
  });
  assert.notEqual((await authority.issue({ worker: 'w.1' })).publicKey, credential.publicKey);
  const { iss, nats } = decode<User>(jwtOf(credential));
  assert.equal(nats.issuer_account, authority.account);
  assert.deepEqual(decode<Account>(await authority.accountJwt()).nats.signing_keys, [iss]);
  assert.deepEqual(nats.pub, { allow: ['h.w=2E1.>', 't.w=2E1.>'] });
  assert.deepEqual(nats.sub, { allow: ['w.w=2E1.>', 'w.all.>', '_INBOX_w=2E1.>'] });
});

it('what is no credential is refused without being repeated', async () => {
  const { text } = await (await Authority.open(directory)).issue({ hub: 'h1' });
  for (const bad of ['', 'secret', text.replace('eyJ', 'eyX'), text.slice(0, 300)]) {
    await assert.rejects(readCredential(bad), (error: Error) => {
      assert.match(error.message, /not a credential/);
      assert.ok(error.cause === undefined);
      return true;
    });
  }
});

it('the account names every revoked credential, whoever revoked it', async () => {
  const [one, other] = [await Authority.open(directory), await Authority.open(directory)];
  const [a, b] = [await one.issue({ worker: 'a' }), await one.issue({ worker: 'b' })];
  await Promise.all([one.revoke(a.publicKey), other.revoke(b.publicKey), other.revoke(a.publicKey)]);
  const { nats } = decode<Account>(await one.accountJwt());
  assert.deepEqual(Object.keys(nats.revocations ?? {}).sort(), [a.publicKey, b.publicKey].sort());
  for (const until of Object.values(nats.revocations ?? {})) assert.ok(until > Date.now() / 1_000);
  assert.equal((await stat(join(directory, 'nats-revoked', a.publicKey))).mode & 0o777, 0o600);
});

it('only a public key of a credential can be revoked', async () => {
  const authority = await Authority.open(directory);
  for (const key of ['', '../x', authority.account, 'U']) await assert.rejects(authority.revoke(key), TypeError);
  assert.deepEqual(await authority.revoked(), []);
});

it('the configuration of a server holds no secret', async () => {
  const authority = await Authority.open(directory);
  const tls = { certFile: '/etc/nats/server "a".pem', keyFile: '/etc/nats/key.pem' };
  const config = await natsServerConfig(authority, {
    resolverDirectory: '/var/lib/nats',
    webSocketListen: ':443',
    tls,
  });
  assert.doesNotMatch(config, /S[OAU][A-Z2-7]{56}/);
  assert.ok(config.includes('"/etc/nats/server \\"a\\".pem"'));
  assert.doesNotMatch(config, /no_tls/);
});
