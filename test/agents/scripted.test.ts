import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScriptedDriver } from '../../src/worker/agents/drivers/scripted/scripted-driver.ts';
import { driverContract, hasCode } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';
import { RecordingHost } from './recording-host.ts';

const fixture = await AgentFixture.make('scripted');
const directory = fixture.path('config');
const driver = createScriptedDriver({ directory, processes: fixture.processes });
const { capabilities } = await driver.describe(AbortSignal.timeout(1000));

driverContract('the scripted agent', {
  fixture,
  driver,
  can: capabilities,
  writes: (file_path, content) => `#tool Write ${JSON.stringify({ file_path, content })}`,
  rewritten: (file_path, content) => ({ file_path, content }),
  costOf100In20Out: null,
});

test('the scripted agent has costs, titles, subagents and leave for always as its script says', async () => {
  const { signal } = new AbortController();
  const request = { cwd: fixture.path('work'), permissionMode: 'default' as const, signal };
  const host = new RecordingHost();
  host.answer = () => ({ behavior: 'allow', remember: 'always' });
  const live = await driver.open({ ...request, sessionId: 'a' }, host);
  const text = '#usage 3 4 0.5\n#title A title\n#subagent explorer looks around\n#ask Deploy {"to": "moon"}';
  const end = await live.prompt({ turnId: 't', text, attachments: [] });
  assert.deepEqual([end.outcome, end.usage?.costUsd], ['completed', 0.5]);
  assert.ok(host.updates.some(update => update.kind === 'title' && update.title === 'A title'));
  const tasks = host.updates.flatMap(update =>
    update.kind === 'subagent' ? [[update.state, update.subagentType]] : [],
  );
  assert.deepEqual(tasks, [
    ['started', 'explorer'],
    ['completed', 'explorer'],
  ]);
  await live.close();
  const again = await driver.open({ ...request, sessionId: 'b' }, host);
  await again.prompt({ turnId: 't', text: '#ask Deploy {}', attachments: [] });
  assert.equal(host.questions.length, 1);
  await again.close();
});

test('the scripted agent crashes when it is told to', async () => {
  const host = new RecordingHost();
  const { signal } = new AbortController();
  const live = await driver.open(
    { sessionId: 'c', cwd: fixture.path('work'), permissionMode: 'default', signal },
    host,
  );
  await assert.rejects(
    live.prompt({ turnId: 't', text: '#say a\n#crash', attachments: [] }),
    hasCode('SESSION_FAILED', /^The agent exited \(code 70\)$/),
  );
  assert.equal(host.said(), 'a');
});

test('the scripted agent has one model', async () => {
  const { signal } = new AbortController();
  const request = { sessionId: 'd', cwd: fixture.path('work'), permissionMode: 'default' as const, signal };
  await assert.rejects(
    driver.open({ ...request, model: 'other' }, new RecordingHost()),
    hasCode('CAPABILITY_UNSUPPORTED'),
  );
});
