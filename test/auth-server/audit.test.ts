import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AuditEntry } from '../../src/store/audit/store.ts';
import { eventually } from '../support/eventually.ts';
import { CodeFlow } from './code-flow.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';

let stage: Stage;
before(async () => {
  stage = await startStage();
});
after(() => stage[Symbol.asyncDispose]());

/** What was written down while something was done, the oldest first. */
async function during(work: () => Promise<unknown>): Promise<AuditEntry[]> {
  const all = async () => (await stage.audit.list({ limit: 1000, order: 'oldest' })).rows;
  const before = (await all()).length;
  await work();
  return (await all()).slice(before);
}
const shortly = ({ caller, operation, outcome }: AuditEntry) => `${caller} ${operation} ${outcome}`;

test('a sign-in, the consent, the tokens and their end are written down, for the user, the client and the grant', async () => {
  const flow = new CodeFlow(stage.url);
  const secrets: string[] = [PASSWORD];
  const records = await during(async () => {
    const first = await flow.signIn();
    const next = await flow.refresh(first.refresh_token);
    secrets.push(flow.code, ...Object.values(first), String(next.access_token), String(next.refresh_token));
    await flow.post('revoke', { token: String(next.refresh_token) });
  });
  assert.deepEqual(records.map(shortly), [
    'user:ada sign_in ok',
    'user:ada consent ok',
    'user:ada token_issue ok',
    'user:ada token_issue ok',
    'user:ada grant_revoke ok',
  ]);
  const [signIn, consent, code, refresh, revoked] = records;
  assert.equal(signIn?.details.client_id, flow.clientId);
  assert.deepEqual(consent?.details.scopes, ['sandbox:read']);
  assert.deepEqual([code?.details.grant_type, refresh?.details.grant_type], ['authorization_code', 'refresh_token']);
  assert.deepEqual(refresh?.details.scopes, ['sandbox:read']);
  assert.equal(revoked?.details.reason, 'asked');
  assert.equal(revoked?.details.client_id, flow.clientId);
  const grants = new Set([consent, code, refresh, revoked].map(record => record?.handles.grant_id));
  assert.equal(grants.size, 1);
  const found = await stage.audit.list({ limit: 10, handle: String([...grants][0]) });
  assert.equal(found.rows.length, 4);
  for (const secret of secrets) assert.ok(!JSON.stringify(records).includes(secret));
});

test('what is shown a second time ends the grant, and that is written down as such', async () => {
  const flow = new CodeFlow(stage.url);
  const { refresh_token } = await flow.signIn();
  await flow.refresh(refresh_token);
  const records = await during(() => flow.refresh(refresh_token));
  assert.deepEqual(records.map(shortly), ['user:ada grant_revoke ok']);
  assert.equal(records[0]?.details.reason, 'replayed');
  const code = new CodeFlow(stage.url);
  await code.signIn();
  const again = await during(() => code.redeem());
  assert.deepEqual(again.map(shortly), ['user:ada grant_revoke ok']);
  assert.equal(again[0]?.details.reason, 'replayed');
});

test('a consent that is declined is written down', async () => {
  const flow = new CodeFlow(stage.url);
  const page = await flow.visitor.press(await flow.begin(), 'login', { name: 'ada', password: PASSWORD });
  const records = await during(() => flow.visitor.press(page, 'deny'));
  assert.deepEqual(records.map(shortly), ['user:ada consent POLICY_DENIED']);
});

test('sign-ins that fail are written down with the reason, lock-outs too, and never with what was typed', async () => {
  await stage.users.add({ name: 'mia', password: PASSWORD });
  const flow = new CodeFlow(stage.url);
  const page = await flow.begin();
  const attempt = (name: string, password: string) => flow.visitor.press(page, 'login', { name, password });
  const records = await during(async () => {
    for (let at = 0; at < 5; at++) await attempt('mia', 'wrong-secret');
    await attempt('mia', PASSWORD);
    await stage.users.lock('mia');
    await attempt('mia', PASSWORD);
    await attempt('wrong-secret', 'x');
    await attempt('../wrong-secret', 'x');
  });
  assert.deepEqual(records.map(shortly), [
    ...Array.from({ length: 5 }, () => 'user:mia sign_in UNAUTHORIZED'),
    'user:mia sign_in RATE_LIMITED',
    'local user_lock ok',
    'user:mia sign_in POLICY_DENIED',
    'unknown sign_in UNAUTHORIZED',
    'unknown sign_in UNAUTHORIZED',
  ]);
  assert.deepEqual(
    records.map(({ details }) => details.reason),
    [...Array(5).fill('wrong_password'), 'blocked', undefined, 'locked', undefined, undefined],
  );
  assert.deepEqual(
    records.slice(0, 6).map(({ details }) => [details.failures, typeof details.blocked_until === 'string']),
    [
      [1, false],
      [2, false],
      [3, false],
      [4, false],
      [5, true],
      [5, true],
    ],
  );
  assert.doesNotMatch(JSON.stringify(records), /wrong-secret|four words/);
});

test('nobody signs in while nothing can be written down', async () => {
  const flow = new CodeFlow(stage.url);
  const page = await flow.begin();
  const { append } = stage.store.audit;
  stage.store.audit.append = async () => {
    throw new Error('disk gone');
  };
  try {
    const typed = { name: 'ada', password: PASSWORD };
    // That nothing can be written is known once it was tried.
    await eventually(async () => {
      const { status, text } = await flow.visitor.press(page, 'login', typed);
      assert.ok(status >= 500, `${status}`);
      return status === 503 && text.includes('cannot be reached at this moment');
    });
  } finally {
    stage.store.audit.append = append;
  }
});

test('the chain of the records is whole', async () => {
  assert.equal((await stage.audit.verify()).brokenAt, null);
});
