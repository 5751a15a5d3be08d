import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { createAcpDriver } from '../../src/worker/agents/drivers/acp/acp-driver.ts';
import { otherAgent } from '../../src/worker/agents/drivers/acp/known-agents.ts';
import type { OpenRequest } from '../../src/worker/agents/driver.ts';
import { silentLog } from '../../src/log/log.ts';
import { hasCode } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';
import { RecordingHost } from './recording-host.ts';

const fixture = await AgentFixture.make('disorder');
after(async () => {
  await fixture.processes.close();
  assert.deepEqual(await fixture.survivors(), []);
  await fixture.remove();
});

const agent = otherAgent({
  kind: 'disorderly',
  command: process.execPath,
  args: [join(import.meta.dirname, 'disorderly-agent.ts')],
});
const environment = { ...fixture.environment, SOME_TOKEN: 'secret-value' };
const driver = createAcpDriver({ agent, processes: fixture.processes, log: silentLog, environment });

async function open(more: Partial<OpenRequest> = {}) {
  const host = new RecordingHost();
  const { signal } = new AbortController();
  const cwd = fixture.path('work');
  const live = await driver.open({ sessionId: 's', cwd, permissionMode: 'default', signal, ...more }, host);
  return { host, live, ask: (text: string) => live.prompt({ turnId: 't', text, attachments: [] }) };
}

test('updates of unknown kinds and shapes are passed over', async () => {
  const { host, live, ask } = await open();
  assert.equal((await ask('unknown kinds')).outcome, 'completed');
  assert.equal(host.said(), 'still well');
  await live.close();
});

test('lines that are no JSON are passed over', async () => {
  const { host, live, ask } = await open();
  assert.equal((await ask('noise')).outcome, 'completed');
  assert.equal(host.said(), 'after the noise');
  await live.close();
});

test('a crash in mid-turn is told to all sessions of the process, with its reason', async () => {
  const one = await open();
  const other = await open();
  assert.deepEqual(one.host.pids, other.host.pids);
  await assert.rejects(one.ask('crash'), hasCode('SESSION_FAILED', /^The agent exited \(code 3\)$/));
  assert.equal(one.host.said(), 'about to');
  assert.deepEqual(await other.live.exited, { code: 3, signal: null });
  await assert.rejects(other.ask('noise'), hasCode('SESSION_FAILED'));
  const next = await open();
  assert.equal((await next.ask('noise')).outcome, 'completed');
  await Promise.all([one, other, next].map(({ live }) => live.close()));
});

test('closing one session leaves the others their process', async () => {
  const one = await open();
  const other = await open();
  await one.live.close();
  assert.equal((await other.ask('noise')).outcome, 'completed');
  await other.live.close();
  assert.deepEqual(await fixture.survivors(), []);
});

test('leave that is asked for after the turn was stopped is answered as cancelled', async () => {
  const { host, live, ask } = await open();
  const turn = ask('ask after cancel');
  await host.until(() => host.hasHeard('working'));
  await live.interrupt();
  assert.equal((await turn).outcome, 'aborted');
  assert.match(host.said(), /answered {"outcome":{"outcome":"cancelled"}}/);
  assert.deepEqual(host.questions, []);
  await live.close();
});

test('a question is told with its tool, and an answer that the protocol cannot carry is no leave', async () => {
  const { host, live, ask } = await open();
  host.answer = () => ({ behavior: 'allow', remember: 'once' });
  await ask('ask');
  assert.match(host.said(), /"optionId":"yes"/);
  assert.equal(host.questions[0]?.description, 'Write it');
  assert.deepEqual(host.questions[0]?.input, { path: 'a' });
  const heard = host.updates.length;
  host.answer = () => ({ behavior: 'allow', remember: 'once', updatedInput: { path: 'b' } });
  await ask('ask');
  assert.match(host.said(heard), /cancelled/);
  await live.close();
});

test('a tool that is left open ends with its turn, for good', async () => {
  const { host, live, ask } = await open();
  await ask('leave open');
  await ask('close late');
  const states = host.parts().flatMap(part => (part.type === 'tool_use' ? [part.state] : []));
  assert.deepEqual(states, ['error']);
  await live.close();
});

test('a message beyond 32 MiB ends the process, and the turn says so', async () => {
  const { live, ask } = await open();
  await assert.rejects(ask('huge'), hasCode('SESSION_FAILED'));
  await live.close();
});

test('an error of the agent is told without paths and secrets', async () => {
  const { live, ask } = await open();
  const end = await ask('fail');
  assert.equal(end.outcome, 'failed');
  assert.match(end.error ?? '', /^Internal error: no .* for \[redacted\]$/);
  assert.ok(!end.error?.includes(fixture.root), end.error);
  await live.close();
});

test('what an agent does not declare is CAPABILITY_UNSUPPORTED, and leaves no process', async () => {
  await assert.rejects(open({ resume: 'x' }), hasCode('CAPABILITY_UNSUPPORTED', /does not support resume/));
  await assert.rejects(open({ model: 'x' }), hasCode('CAPABILITY_UNSUPPORTED', /does not support model x/));
  await assert.rejects(open({ permissionMode: 'plan' }), hasCode('CAPABILITY_UNSUPPORTED'));
  const cwd = fixture.path('work');
  await assert.rejects(async () => driver.fork?.({ agentSessionId: 'x', cwd }), hasCode('CAPABILITY_UNSUPPORTED'));
  assert.deepEqual(await fixture.survivors(), []);
});

test('a program that is not there, or speaks something else, is AGENT_UNAVAILABLE', async () => {
  for (const command of ['no-such-agent', 'true']) {
    const other = createAcpDriver({
      agent: otherAgent({ kind: 'absent', command, args: [] }),
      processes: fixture.processes,
      log: silentLog,
      environment,
    });
    const { signal } = new AbortController();
    const request = { sessionId: 's', cwd: fixture.path('work'), permissionMode: 'default' as const, signal };
    await assert.rejects(
      other.open(request, new RecordingHost()),
      hasCode('AGENT_UNAVAILABLE', /^Agent absent is not/),
    );
    const kind = await other.describe(signal);
    assert.equal(kind.installed, command === 'true');
    assert.ok(kind.reason);
  }
});
