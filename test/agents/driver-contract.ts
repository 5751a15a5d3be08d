import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { AppError } from '../../src/errors/app-error.ts';
import type { AgentCapabilities, Usage } from '../../src/protocol/sessions.ts';
import type { Driver, LiveAgent, OpenRequest, PermissionAnswer, TurnEnd } from '../../src/worker/agents/driver.ts';
import { eventually } from '../support/eventually.ts';
import type { AgentFixture } from './fixture.ts';
import { RecordingHost } from './recording-host.ts';

export interface AgentUnderTest {
  readonly fixture: AgentFixture;
  readonly driver: Driver;
  readonly can: AgentCapabilities;
  /** A line of the script that makes the agent write a file after asking. */
  writes(path: string, content: string): string;
  /** The same as the agent's own input, for an answer that rewrites it. */
  rewritten(path: string, content: string): Extract<PermissionAnswer, { behavior: 'allow' }>['updatedInput'];
  /** What `#usage 100 20` costs; null where the agent knows no prices. */
  readonly costOf100In20Out: number | null;
}

let sessions = 0;
const newSessionId = (): string => `00000000-0000-4000-8000-${String(++sessions).padStart(12, '0')}`;
const allow: PermissionAnswer = { behavior: 'allow', remember: 'once' };

/** What every driver keeps, whatever agent it speaks to; run with the agent itself. */
export function driverContract(name: string, agent: AgentUnderTest): void {
  const { fixture, driver, can } = agent;
  const cwd = fixture.path('work');
  const open = async (more: Partial<OpenRequest> = {}) => {
    const host = new RecordingHost();
    const { signal } = new AbortController();
    const request = { sessionId: newSessionId(), cwd, permissionMode: 'default' as const, signal, ...more };
    return { host, live: await driver.open(request, host), sessionId: request.sessionId };
  };
  const ask = (live: LiveAgent, ...lines: string[]): Promise<TurnEnd> =>
    live.prompt({ turnId: newSessionId(), text: lines.join('\n'), attachments: [] });

  after(async () => {
    await fixture.processes.close();
    assert.deepEqual(await fixture.survivors(), []);
    assert.equal(await fixture.changesOutside(), '');
    await fixture.remove();
  });

  test(`${name} tells what it is and what it can`, async () => {
    const kind = await driver.describe(AbortSignal.timeout(20_000));
    assert.equal(kind.installed, true);
    assert.match(kind.version ?? '0.0.0', /^\d+\.\d+\.\d+/);
    for (const [ability, value] of Object.entries(can)) {
      assert.deepEqual(Object.entries(kind.capabilities).find(([key]) => key === ability)?.[1], value, ability);
    }
  });

  test(`${name} streams a turn, counts it exactly, and asks nothing`, async () => {
    const { host, live, sessionId } = await open();
    assert.equal(host.pids.length, 1);
    const end = await ask(live, '#think pondering it', '#say hello there', '#usage 100 20');
    assert.equal(end.outcome, 'completed', end.error);
    assert.equal(host.said(), 'hello there');
    assert.ok(host.updates.filter(({ kind }) => kind === 'delta').length >= 2, 'nothing was streamed');
    const [first] = host.messages();
    assert.equal(first?.role, 'user');
    assert.match(JSON.stringify(first?.parts), /#say hello there/);
    assert.ok(host.messages().every(message => message.sessionId === sessionId));
    assert.deepEqual(host.questions, []);
    if (can.usage) {
      const expected = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 0, cacheWriteTokens: 0 };
      const { costUsd, ...tokens }: Partial<Usage> = end.usage ?? {};
      assert.deepEqual(tokens, expected);
      assert.equal(costUsd, agent.costOf100In20Out);
      const sums = host.updates.findLast(update => update.kind === 'usage')?.usage;
      assert.deepEqual(sums, { ...expected, costUsd: agent.costOf100In20Out });
      const next = await ask(live, '#say more', '#usage 1 2');
      assert.deepEqual([next.usage?.inputTokens, next.usage?.outputTokens], [1, 2]);
      const both = host.updates.findLast(update => update.kind === 'usage')?.usage;
      assert.deepEqual([both?.inputTokens, both?.outputTokens], [101, 22]);
    }
    await live.close();
  });

  test(`${name} runs a tool that is allowed`, async () => {
    const { host, live } = await open();
    host.answer = () => allow;
    const end = await ask(live, agent.writes('allowed.txt', 'as asked'), '#say written');
    assert.equal(end.outcome, 'completed', end.error);
    assert.equal(host.questions.length, 1);
    assert.equal(readFileSync(`${cwd}/allowed.txt`, 'utf8').trim(), 'as asked');
    const uses = host.parts().filter(part => part.type === 'tool_use');
    assert.deepEqual(
      uses.map(({ state }) => state),
      ['completed'],
    );
    assert.equal(host.said(), 'written');
    await live.close();
  });

  test(`${name} does not run a tool that is denied`, async () => {
    const { host, live } = await open();
    host.answer = () => ({ behavior: 'deny', remember: 'once', message: 'not on a Sunday' });
    const end = await ask(live, agent.writes('denied.txt', 'x'), '#result');
    assert.equal(existsSync(`${cwd}/denied.txt`), false);
    assert.equal(host.questions.length, 1);
    if (can.denyMessage) assert.match(host.said(), /not on a Sunday/);
    if (!can.denyEndsTurn) assert.equal(end.outcome, 'completed', end.error);
    const next = await ask(live, '#say still here');
    assert.equal(next.outcome, 'completed', next.error);
    assert.match(host.said(), /still here/);
    await live.close();
  });

  if (can.updatedInput) {
    test(`${name} runs a tool with the input that the answer gives it`, async () => {
      const { host, live } = await open();
      const updatedInput = agent.rewritten('rewritten.txt', 'other');
      host.answer = () => ({ behavior: 'allow', remember: 'once', updatedInput });
      await ask(live, agent.writes('rewritten.txt', 'as asked'), '#say written');
      assert.equal(readFileSync(`${cwd}/rewritten.txt`, 'utf8').trim(), 'other');
      await live.close();
    });
  }

  if (can.remember.includes('session')) {
    test(`${name} asks once for what is allowed for the session`, async () => {
      const { host, live } = await open();
      host.answer = () => ({ behavior: 'allow', remember: 'session' });
      await ask(live, agent.writes('first.txt', 'x'), '#say one');
      assert.ok(host.questions[0]?.remember.includes('session'));
      await ask(live, agent.writes('first.txt', 'x'), '#say two');
      assert.equal(host.questions.length, 1);
      await live.close();
    });
  }

  test(`${name} is interrupted in mid-turn and takes the next prompt in the same process`, async () => {
    const { host, live } = await open();
    const turn = ask(live, '#slow 2000 20');
    await host.until(() => host.hasHeard('word3'));
    await live.interrupt();
    assert.equal((await turn).outcome, 'aborted');
    const heard = host.updates.length;
    const next = await ask(live, '#say next one');
    assert.equal(next.outcome, 'completed', next.error);
    assert.equal(host.said(heard), 'next one');
    assert.equal(host.pids.length, 1);
    await live.interrupt();
    await live.close();
  });

  test(`${name} is interrupted while it waits for leave`, async () => {
    const { host, live } = await open();
    let isWithdrawn = false;
    host.answer = (_, signal) =>
      new Promise(resolve => {
        signal.addEventListener('abort', () => {
          isWithdrawn = true;
          resolve({ behavior: 'cancelled' });
        });
      });
    const turn = ask(live, agent.writes('never.txt', 'x'), '#say never');
    await host.until(() => host.questions.length === 1);
    await live.interrupt();
    assert.equal((await turn).outcome, 'aborted');
    assert.ok(isWithdrawn);
    assert.equal(existsSync(`${cwd}/never.txt`), false);
    assert.equal((await ask(live, '#say usable')).outcome, 'completed');
    await live.close();
  });

  test(`${name} says that a turn failed, without secrets or paths`, async () => {
    const { live } = await open();
    const end = await ask(live, '#fail 400');
    assert.equal(end.outcome, 'failed');
    assert.ok(end.error);
    assert.ok(!end.error.includes(fixture.root), end.error);
    assert.equal((await ask(live, '#say recovered')).outcome, 'completed');
    await live.close();
  });

  if (can.resume) {
    test(`${name} goes on with a session after a restart`, async () => {
      const first = await open();
      await ask(first.live, '#say remember the blue door');
      const { agentSessionId } = first.live;
      await first.live.close();
      const second = await open({ resume: agentSessionId });
      assert.equal(second.live.agentSessionId, agentSessionId);
      const end = await ask(second.live, '#recall');
      assert.equal(end.outcome, 'completed', end.error);
      assert.match(second.host.said(), /remember the blue door/);
      await second.live.close();
    });

    test(`${name} does not know a session that never was`, async () => {
      await assert.rejects(open({ resume: '3f0e4cf7-6a54-4c57-9d37-0d8a5e9b7f10' }), hasCode('SESSION_NOT_FOUND'));
      await eventually(() => fixture.processes.pids().length === 0);
    });
  }

  if (can.fork) {
    test(`${name} forks a session; both go on by themselves`, async () => {
      const original = await open();
      await ask(original.live, '#say first answer');
      const answers = original.host.messages().filter(({ role }) => role === 'assistant');
      await ask(original.live, '#say second answer');
      const { agentSessionId } = original.live;
      const atMessageId = can.forkAtMessage ? answers.at(-1)?.id : undefined;
      const forked = await driver.fork?.({ agentSessionId, cwd, atMessageId });
      assert.ok(forked);
      assert.notEqual(forked.agentSessionId, agentSessionId);
      const fork = await open({ resume: forked.agentSessionId });
      await ask(fork.live, '#recall');
      assert.match(fork.host.said(), /first answer/);
      if (can.forkAtMessage) assert.doesNotMatch(fork.host.said(), /second answer/);
      await ask(fork.live, '#say only in the fork');
      await fork.live.close();
      const heard = original.host.updates.length;
      await ask(original.live, '#recall');
      assert.match(original.host.said(heard), /second answer/);
      assert.doesNotMatch(original.host.said(heard), /only in the fork/);
      await original.live.close();
    });
  }

  test(`${name} tells the truth when it is killed in mid-turn, leaves no orphan, and can be gone on with`, async () => {
    const { host, live } = await open();
    await ask(live, '#say before the crash');
    const turn = ask(live, '#slow 2000 20');
    await host.until(() => host.hasHeard('word3'));
    const [pid = 0] = host.pids;
    process.kill(pid, 'SIGKILL');
    await assert.rejects(turn, hasCode('SESSION_FAILED', /^The agent exited \(SIGKILL\)$/));
    assert.deepEqual(await live.exited, { code: null, signal: 'SIGKILL' });
    assert.deepEqual(await fixture.survivors(), []);
    await assert.rejects(ask(live, '#say into nothing'), hasCode('SESSION_FAILED'));
    await live.close();
    const again = await open({ resume: can.resume ? live.agentSessionId : undefined });
    const end = await ask(again.live, '#recall');
    assert.equal(end.outcome, 'completed', end.error);
    if (can.resume) assert.match(again.host.said(), /before the crash/);
    await again.live.close();
  });

  test(`${name} is closed in mid-turn with all its processes`, async () => {
    const { host, live } = await open();
    const turn = ask(live, '#slow 2000 20').catch(error => error);
    await host.until(() => host.hasHeard('word3'));
    await live.close();
    await turn;
    await live.exited;
    await fixture.processes.close();
    assert.deepEqual(await fixture.survivors(), []);
  });
}

export const hasCode = (code: string, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  if (message) assert.match(error.message, message);
  return true;
};
