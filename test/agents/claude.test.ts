import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { z } from 'zod';
import { installAgent } from '../../scripts/install-agents.ts';
import { silentLog } from '../../src/log/log.ts';
import type { Usage } from '../../src/protocol/sessions.ts';
import { createClaudeDriver } from '../../src/worker/agents/drivers/claude/claude-driver.ts';
import type { OpenRequest } from '../../src/worker/agents/driver.ts';
import { eventually } from '../support/eventually.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { driverContract, hasCode } from './driver-contract.ts';
import { AgentFixture } from './fixture.ts';
import { RecordingHost } from './recording-host.ts';

const { program } = await installAgent('claude');
const fixture = await AgentFixture.make('claude');
const model = await startScriptedModel();
after(() => model.close());
// Without it a newer Claude Code decides by itself what it may do.
await writeFile(fixture.path('config/settings.json'), JSON.stringify({ permissions: { defaultMode: 'default' } }));

const environment = {
  ...fixture.environment,
  CLAUDE_CONFIG_DIR: fixture.path('config'),
  ANTHROPIC_BASE_URL: model.origin,
  ANTHROPIC_API_KEY: 'dummy-key',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
};
const driver = createClaudeDriver({ processes: fixture.processes, log: silentLog, program, environment });
const { capabilities } = await driver.describe(AbortSignal.timeout(20_000));

driverContract('Claude Code', {
  fixture,
  driver,
  can: capabilities,
  writes: (path, content) => `#tool Write ${JSON.stringify({ file_path: fixture.path('work', path), content })}`,
  rewritten: (path, content) => ({ file_path: fixture.path('work', path), content }),
  costOf100In20Out: 0.0008,
});

async function open(more: Partial<OpenRequest> = {}) {
  const host = new RecordingHost();
  host.answer = () => ({ behavior: 'allow', remember: 'once' });
  const { signal } = new AbortController();
  const request = { sessionId: 's', cwd: fixture.path('work'), permissionMode: 'default' as const, signal, ...more };
  const live = await driver.open(request, host);
  return {
    host,
    live,
    ask: (...lines: string[]) => live.prompt({ turnId: 't', text: lines.join('\n'), attachments: [] }),
  };
}

test('messages and parts of Claude Code have the ids that its transcript has', async () => {
  const { host, live, ask } = await open();
  const path = fixture.path('work/ids.txt');
  await ask(
    '#think first',
    '#say then',
    `#tool Write ${JSON.stringify({ file_path: path, content: 'x' })}`,
    '#say last',
  );
  await live.close();
  const lines = await transcriptOf(live.agentSessionId);
  const answers = [...new Set(lines.flatMap(({ type, message }) => (type === 'assistant' ? [message?.id] : [])))];
  const said = host.messages();
  assert.deepEqual(
    said.flatMap(({ role, id }) => (role === 'assistant' ? [id] : [])),
    answers,
  );
  assert.deepEqual(
    said.flatMap(({ role, id }) => (role === 'user' ? [id] : [])),
    lines.flatMap(({ type, uuid }) => (type === 'user' ? [uuid] : [])),
  );
  const [first, second] = answers;
  const tool = lines.flatMap(({ message }) => blocksOf(message?.content)).find(({ type }) => type === 'tool_use');
  const parts = said.flatMap(({ role, parts }) =>
    role === 'assistant' ? parts.map(({ id, type }) => [id, type]) : [],
  );
  assert.deepEqual(parts, [
    [`${first}:0`, 'thinking'],
    [`${first}:1`, 'text'],
    [tool?.id, 'tool_use'],
    [`${second}:0`, 'text'],
  ]);
});

test('a subagent of Claude Code is told of, and its late end does not end the next turn', async () => {
  const { host, live, ask } = await open();
  const input = { description: 'looks around', prompt: '#slow 10 20', subagent_type: 'general-purpose' };
  await ask(`#tool Agent ${JSON.stringify(input)}`, '#say sent away');
  // The subagent works in the background, and its end makes Claude Code take a turn by itself.
  const heard = host.updates.length;
  const next = await ask('#slow 30 20', '#say my own turn');
  assert.equal(next.outcome, 'completed', next.error);
  assert.match(host.said(heard), /my own turn/);
  const isOver = () => host.updates.some(update => update.kind === 'subagent' && update.state !== 'started');
  await host.until(isOver);
  const told = host.updates.flatMap(update => (update.kind === 'subagent' ? [update] : []));
  assert.deepEqual(
    told.map(({ state, subagentType, description }) => [state, subagentType, description]),
    [
      ['started', 'general-purpose', 'looks around'],
      ['completed', 'general-purpose', 'looks around'],
    ],
  );
  const tools = host.parts().filter(({ id }) => id === told[0]?.partId);
  assert.deepEqual(
    tools.map(part => part.type),
    ['tool_use'],
  );
  assert.ok(host.messages().some(({ isSidechain, parentId }) => isSidechain && parentId === told[0]?.toolUseId));
  await live.close();
});

test('what Claude Code runs is gone when it is killed, also what left its group', async () => {
  const { host, live, ask } = await open();
  const turn = ask(`#tool Bash ${JSON.stringify({ command: 'setsid sleep 611 & sleep 612' })}`);
  await eventually(async () => {
    const running = (await fixture.survivors()).join('\n');
    return running.includes('sleep 611') && running.includes('sleep 612');
  }, 30_000);
  process.kill(host.pids[0] ?? 0, 'SIGKILL');
  await assert.rejects(turn, hasCode('SESSION_FAILED'));
  assert.deepEqual(await fixture.survivors(), []);
  await live.close();
});

test('Claude Code is counted on after it went on, was forked, or was killed', async () => {
  const first = await open();
  await first.ask('#say a', '#usage 100 20');
  await first.live.close();
  const used = sumsOf(first.host);
  const second = await open({ resume: first.live.agentSessionId, used });
  const end = await second.ask('#say b', '#usage 10 2');
  assert.deepEqual(tokensOf(end.usage), [10, 2]);
  assert.ok(Math.abs((end.usage?.costUsd ?? 0) - 0.00008) < 1e-9);
  assert.deepEqual(tokensOf(sumsOf(second.host)), [110, 22]);
  process.kill(second.host.pids[0] ?? 0, 'SIGKILL');
  await second.live.exited;
  // What the killed process did not write down is not lost here.
  const third = await open({ resume: first.live.agentSessionId, used: sumsOf(second.host) });
  assert.deepEqual(tokensOf((await third.ask('#say c', '#usage 1 1')).usage), [1, 1]);
  assert.deepEqual(tokensOf(sumsOf(third.host)), [111, 23]);
  await third.live.close();
  const forked = await driver.fork?.({ agentSessionId: first.live.agentSessionId, cwd: fixture.path('work') });
  const fork = await open({ resume: forked?.agentSessionId });
  assert.deepEqual(tokensOf((await fork.ask('#say d', '#usage 3 4')).usage), [3, 4]);
  assert.deepEqual(tokensOf(sumsOf(fork.host)), [3, 4]);
  await fork.live.close();
});

test('a mode that Claude Code refuses as root is refused before it starts', {
  skip: process.getuid?.() !== 0,
}, async () => {
  await assert.rejects(open({ permissionMode: 'bypassPermissions' }), hasCode('CAPABILITY_UNSUPPORTED', /as root/));
});

test('without Claude Code there is no session, and it says why', async () => {
  const absent = createClaudeDriver({
    processes: fixture.processes,
    log: silentLog,
    environment: { ...environment, PATH: '/nowhere' },
  });
  const { signal } = new AbortController();
  const kind = await absent.describe(signal);
  assert.deepEqual([kind.installed, kind.reason], [false, 'claude is not installed']);
  const request = { sessionId: 's', cwd: fixture.path('work'), permissionMode: 'default' as const, signal };
  await assert.rejects(absent.open(request, new RecordingHost()), hasCode('AGENT_UNAVAILABLE'));
});

const sumsOf = (host: RecordingHost) => host.updates.findLast(update => update.kind === 'usage')?.usage;
const tokensOf = (usage: Usage | undefined) => [usage?.inputTokens, usage?.outputTokens];

const lineSchema = z.looseObject({
  type: z.string(),
  uuid: z.string().optional(),
  message: z.looseObject({ id: z.string().optional(), content: z.unknown() }).optional(),
});
const blocksOf = (content: unknown) =>
  z.array(z.looseObject({ type: z.string(), id: z.string().optional() })).safeParse(content).data ?? [];

async function transcriptOf(agentSessionId: string) {
  const projects = fixture.path('config/projects');
  const [folder = ''] = await readdir(projects);
  const text = await readFile(`${projects}/${folder}/${agentSessionId}.jsonl`, 'utf8');
  return text
    .trim()
    .split('\n')
    .map(line => lineSchema.parse(JSON.parse(line)));
}
