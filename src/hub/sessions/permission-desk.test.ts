import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { hasCode, pendingAt } from '../../../test/support/hook-terminal.ts';
import { alice, type Bench, callOf, withBench } from '../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../test/support/puppet-agent.ts';

/** An agent at work, of a hub that lets requests for leave wait so long. */
async function stage(bench: Bench, permission_timeout_seconds = 3600) {
  const puppets: Puppet[] = [];
  const hub = await bench.hub({ config: { sessions: { permission_timeout_seconds } } });
  await bench.worker({ driver: puppetDriver(puppets) });
  const session = await hub.sessions.desk.create({ agent: 'puppet', cwd: '/', permissionMode: 'default' }, callOf());
  const prompt = { text: 'go', attachments: [] };
  await hub.sessions.desk.send({ session, prompt, whenBusy: 'queue' }, callOf());
  const puppet = puppets[0] ?? assert.fail('no agent was started');
  await eventually(() => puppet.prompts.length === 1);
  return { hub, puppet, session };
}

describe('a request for leave of a session that is driven here', () => {
  it(
    'that nobody answers is denied with a message that says so, and has expired in the record and in what is told',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench, 1);
      const answered = await puppet.ask();
      assert.deepEqual(answered, {
        ...{ behavior: 'deny', remember: 'once', isExpired: true },
        message: 'nobody answered in time, so it was denied',
      });
      const query = { caller: 'alice', sessionId: session.id, pendingOnly: false, limit: 5 };
      const [record] = (await hub.sessions.permissions.list(query)).rows;
      assert.equal(record?.state, 'expired');
      const resolved = async () => {
        const events = await bench.store.events.read(`session:${session.id}`, 0, 100);
        return events.filter(({ type }) => type === 'permission_resolved').map(({ body }) => [body.state, body.by]);
      };
      await eventually(async () => (await resolved()).length === 1);
      assert.deepEqual(await resolved(), [['expired', 'timeout']]);
      const late = { sessionId: session.id, requestId: record?.id ?? '' };
      const answer = { behavior: 'allow', remember: 'once' } as const;
      await assert.rejects(
        hub.sessions.permissions.respond({ ...late, answer }, alice),
        hasCode('PERMISSION_NOT_PENDING', 'expired'),
      );
    }),
  );

  it(
    'waits on when it is answered with what its agent lacks, and the refusal names the agent',
    withBench(async bench => {
      const { hub, puppet, session } = await stage(bench);
      const asked = puppet.ask();
      const { id: requestId } = await pendingAt(hub);
      const named = { sessionId: session.id, requestId };
      const always = { behavior: 'allow', remember: 'always' } as const;
      await assert.rejects(hub.sessions.permissions.respond({ ...named, answer: always }, alice), {
        code: 'CAPABILITY_UNSUPPORTED',
        message: 'puppet does not support remember: always for Write',
      });
      const once = { behavior: 'allow', remember: 'once' } as const;
      await hub.sessions.permissions.respond({ ...named, answer: once }, alice);
      assert.deepEqual(await asked, once);
    }),
  );
});
