import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { type Account, decode } from '@nats-io/jwt';
import { AppError } from '../../errors/app-error.ts';
import { Authority } from './authority.ts';
import { readJoinToken } from './join-token.ts';
import { TokenBook } from './token-book.ts';

let directory: string;
let authority: Authority;
let book: TokenBook;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'token-book-'));
  authority = await Authority.open(directory);
  book = new TokenBook(authority, directory);
});
afterEach(() => rm(directory, { recursive: true }));

const SERVERS = ['nats://127.0.0.1:4222'];
const create = (name: string) => book.create({ role: 'worker', name, servers: SERVERS });
const revocations = async () =>
  Object.keys(decode<Account>(await authority.accountJwt()).nats.revocations ?? {}).sort();

it('a token holds all that a worker needs, and its record holds no secret', async () => {
  const labels = { zone: 'a' };
  const hub = 'https://hub.example.org';
  const expiresAt = Date.now() + 3_600_000;
  const { record, text } = await book.create({ role: 'worker', name: 'w-1', labels, servers: SERVERS, hub, expiresAt });
  const token = await readJoinToken(text);
  assert.deepEqual([token.identity, token.servers, token.hub, token.labels], [{ worker: 'w-1' }, SERVERS, hub, labels]);
  assert.equal(token.account, authority.account);
  assert.equal(token.lookup, undefined);
  assert.equal(token.expiresAt, Math.floor(expiresAt / 1_000) * 1_000);
  assert.match(record.tokenId, /^tok_[a-z2-7]{12}$/);
  const [file = ''] = await readdir(join(directory, 'nats-issued'));
  const path = join(directory, 'nats-issued', file);
  assert.doesNotMatch(await readFile(path, 'utf8'), /eyJ|SU[A-Z2-7]{20}/);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

it('a hub gets what it needs to ask for revocations, and each has a name', async () => {
  const { text } = await book.create({ role: 'hub', servers: SERVERS });
  const { identity, lookup } = await readJoinToken(text);
  assert.ok('hub' in identity && identity.hub.length > 10);
  assert.ok(lookup);
});

it('what was given out is listed, also by another process, the newest first', async () => {
  const first = await create('w-1');
  const second = await create('w-2');
  const listed = await new TokenBook(await Authority.open(directory), directory).list();
  assert.deepEqual(
    new Set(listed.map(({ tokenId }) => tokenId)),
    new Set([first.record.tokenId, second.record.tokenId]),
  );
  assert.ok((listed[0]?.createdAt ?? 0) >= (listed[1]?.createdAt ?? 0));
});

it('a token is revoked by its id, those of a worker by its name, and nothing else is', async () => {
  const [a, b, other] = [await create('w-1'), await create('w-1'), await create('w-2')];
  const [one] = await book.revoke(a.record.tokenId);
  assert.ok(one?.revokedAt);
  assert.equal((await revocations()).length, 1);
  assert.equal((await book.revoke('w-1')).length, 2);
  const { publicKey } = await readJoinToken(other.text);
  assert.ok(!(await revocations()).includes(publicKey));
  const states = new Map((await book.list()).map(({ tokenId, revokedAt }) => [tokenId, revokedAt !== null]));
  assert.deepEqual(
    [a, b, other].map(({ record }) => states.get(record.tokenId)),
    [true, true, false],
  );
  // To revoke again changes nothing, not even the time.
  assert.equal((await book.revoke(a.record.tokenId))[0]?.revokedAt, one.revokedAt);
  await assert.rejects(book.revoke('w-3'), { code: 'NOT_FOUND' });
});

it('no name reaches out of its place, and no token is made that is over already', async () => {
  for (const name of ['', '../x', 'a b', 'tok_abc', 'x'.repeat(64), 'ä', '-x']) {
    await assert.rejects(create(name), (error: unknown) => error instanceof AppError && /name/.test(error.message));
  }
  const expiresAt = Date.now() - 1;
  await assert.rejects(book.create({ role: 'worker', servers: SERVERS, expiresAt }), { code: 'VALIDATION_ERROR' });
  assert.deepEqual(await book.list(), []);
});

it('a token that is torn, over or no token at all is refused without being repeated', async () => {
  const expiresAt = Date.now() + 60_000;
  const { text } = await book.create({ role: 'worker', servers: SERVERS, expiresAt });
  await assert.rejects(readJoinToken(text, expiresAt + 1), {
    code: 'UNAUTHORIZED',
    message: /^the token expired at 2/,
  });
  for (const bad of ['', '{}', '{"boxswain_token": 1}', text.slice(0, 400), text.replace('eyJ', 'eyX'), 'hunter2']) {
    await assert.rejects(readJoinToken(bad), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'UNAUTHORIZED');
      assert.doesNotMatch(JSON.stringify(error.toShape()), /hunter2|SU[A-Z2-7]{20}/);
      return true;
    });
  }
});

it('a .creds file serves as a token that names no servers', async () => {
  const { text } = await authority.issue({ hub: 'h1' });
  const { identity, servers } = await readJoinToken(text);
  assert.deepEqual([identity, servers], [{ hub: 'h1' }, []]);
});
