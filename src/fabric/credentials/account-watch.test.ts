import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { authenticatorFor, BrokerUnavailable } from '../nats/dial.ts';
import { AccountWatch } from './account-watch.ts';
import { announceAccount } from './announce.ts';
import { Authority } from './authority.ts';
import { natsServerConfig } from './server-config.ts';

let directory: string;
let authority: Authority;
let server: NatsServer;
beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'account-watch-'));
  authority = await Authority.open(join(directory, 'keys'));
  const config = await natsServerConfig(authority, { resolverDirectory: join(directory, 'resolver') });
  server = await startNats({ config: () => config.replace(/^listen:.*$/m, '') });
});
afterLast(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const servers = () => ({ servers: [server.url] });

it('a revocation that any process announced is seen', async () => {
  const { text: credential } = await authority.issueForLookup();
  const watch = await AccountWatch.open({ credential, account: authority.account }, servers());
  try {
    const { account, signers, revocations } = await watch.current();
    assert.equal(account, authority.account);
    assert.equal(signers.size, 2);
    assert.deepEqual(revocations, {});
    const { publicKey } = await authority.issue({ worker: 'w1' });
    await authority.revoke(publicKey);
    await announceAccount(authority, servers());
    await eventually(async () => publicKey in (await watch.current()).revocations);
  } finally {
    await watch.close();
  }
});

it('what lets a hub ask lets it do nothing else', async () => {
  const { text } = await authority.issueForLookup();
  const client = await connect({ ...servers(), authenticator: authenticatorFor(text), inboxPrefix: '_INBOX_own' });
  const errors = client.status()[Symbol.asyncIterator]();
  const refused = async () => {
    for (let next = await errors.next(); !next.done; next = await errors.next())
      if (next.value.type === 'error') return next.value.error.message;
    return 'the connection was closed';
  };
  for (const subject of ['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.SERVER.PING', 'h.w1.rpc']) {
    client.publish(subject, 'x');
    assert.match(await refused(), /permissions violation.*publish/i, subject);
  }
  client.subscribe('$SYS.>', { callback: () => {} });
  assert.match(await refused(), /permissions violation.*subscription/i);
  await client.close();
});

it('a broker that does not know the authority is told apart', async () => {
  const other = await Authority.open(join(directory, 'other'));
  const { text: credential } = await other.issueForLookup();
  await assert.rejects(AccountWatch.open({ credential, account: other.account }, servers()), (error: unknown) => {
    return error instanceof BrokerUnavailable && error.isRefusal;
  });
});
