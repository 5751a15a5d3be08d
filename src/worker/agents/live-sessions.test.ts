import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { type Puppet, puppetDriver } from '../../../test/support/puppet-agent.ts';
import { AppError } from '../../errors/app-error.ts';
import { silentLog } from '../../log/log.ts';
import { NotHere } from '../../protocol/link.ts';
import type { SessionTold } from '../../protocol/session-messages.ts';
import type { Opening } from './live-session.ts';
import { LiveSessions, type LiveSessionsOptions } from './live-sessions.ts';

function stage(options: Partial<LiveSessionsOptions> = {}) {
  const puppets: Puppet[] = [];
  const told: SessionTold[] = [];
  const next = new Map<string, number>();
  const driver = puppetDriver(puppets);
  const sessions = new LiveSessions({
    worker: 'w1',
    drivers: [driver],
    log: silentLog,
    roots: [],
    maxLive: 2,
    parkAfterMs: 600_000,
    permissionTimeoutMs: 1000,
    allowsBypass: false,
    mayWork: () => true,
    async tell(batch) {
      told.push(batch);
      const expected = batch.first + batch.events.length;
      next.set(batch.sessionId, expected);
      return { isFenced: false, expected };
    },
    spawned: async () => {},
    fetch: async () => '/dev/null',
    ...options,
  });
  const typesOf = (id: string) =>
    told.filter(({ sessionId }) => sessionId === id).flatMap(({ events }) => events.map(({ type }) => type));
  const statusOf = (id: string) => {
    const patches = told.filter(({ sessionId }) => sessionId === id).map(({ patch }) => patch.status);
    return patches.findLast(status => status !== undefined);
  };
  return { sessions, puppets, told, typesOf, statusOf };
}

const opening = (patch: Partial<Opening> = {}): Opening => ({
  sessionId: randomUUID(),
  epoch: 1,
  agent: 'puppet',
  cwd: '/',
  resume: null,
  model: null,
  permissionMode: 'default',
  ...patch,
});
const turn = (text = 'go') => ({ turnId: randomUUID(), text, attachments: [] });
const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

describe('a session that a worker drives', () => {
  it('is started once for one epoch, and takes one prompt at a time, none twice', async () => {
    const { sessions, puppets, typesOf, statusOf } = stage();
    const start = opening();
    assert.deepEqual(await Promise.all([sessions.start(start), sessions.start(start)]), ['own-1', 'own-1']);
    const first = { ...turn('one'), sessionId: start.sessionId, epoch: 1 };
    await sessions.prompt(first);
    await sessions.prompt(first);
    await assert.rejects(sessions.prompt({ ...first, turnId: randomUUID() }), hasCode('SESSION_BUSY'));
    assert.deepEqual(puppets[0]?.prompts, ['one']);
    puppets[0]?.end('completed');
    await eventually(
      async () => statusOf(start.sessionId) === 'idle' && typesOf(start.sessionId).includes('session.idle'),
    );
    await sessions.prompt(first);
    await sessions.prompt({ ...first, turnId: randomUUID(), text: 'two' });
    assert.deepEqual(puppets[0]?.prompts, ['one', 'two']);
    await sessions.close();
    assert.equal(statusOf(start.sessionId), 'parked');
    assert.equal(sessions.size, 0);
  });

  it('is not resumed and gets no prompt while somebody has it open in a terminal, and gives way to whoever opens it', async () => {
    const elsewhere = new Set<string>(['own-0']);
    const { sessions, puppets, statusOf } = stage({
      openElsewhere: async (agent, agentSessionId) =>
        elsewhere.has(agentSessionId) ? { agent, agentSessionId, pid: 7, status: 'idle', since: 1 } : undefined,
    });
    await assert.rejects(sessions.start(opening({ resume: 'own-0' })), hasCode('SESSION_OPEN_ELSEWHERE'));
    assert.equal(puppets.length, 0);
    const start = opening();
    const { sessionId } = start;
    await sessions.start(start);
    assert.equal(sessions.drives('own-1'), true);
    elsewhere.add('own-1');
    const prompt = { ...turn(), sessionId, epoch: 1 };
    await assert.rejects(sessions.prompt(prompt), hasCode('SESSION_OPEN_ELSEWHERE'));
    assert.deepEqual(puppets[0]?.prompts, []);
    sessions.giveWay(id => elsewhere.has(id));
    await eventually(async () => statusOf(sessionId) === 'parked');
    assert.equal(sessions.drives('own-1'), false);
    assert.equal(typeof sessions.drivenUntil('own-1'), 'number');
    await sessions.close();
  });

  it('waits for an answer to what it asks leave for, and for none when the turn is over', async () => {
    const { sessions, puppets, told, typesOf, statusOf } = stage();
    const { sessionId, epoch } = opening();
    const named = { sessionId, epoch };
    await sessions.start({ ...opening(), sessionId });
    await sessions.prompt({ ...turn(), ...named });
    const [puppet] = puppets;
    assert.ok(puppet);
    const first = puppet.ask();
    await eventually(async () => statusOf(sessionId) === 'waiting_permission');
    const [asked] = told.flatMap(batch => batch.asked);
    assert.ok(asked);
    const allow = { behavior: 'allow', remember: 'once', updatedInput: { path: 'b' } } as const;
    assert.equal(sessions.answer(asked.requestId, allow, named), true);
    assert.deepEqual(await first, allow);
    assert.equal(sessions.answer(asked.requestId, allow, named), false);
    const second = puppet.ask();
    assert.equal(await sessions.interrupt(named), true);
    assert.deepEqual(await second, { behavior: 'cancelled' });
    assert.equal(await sessions.interrupt(named), false);
    await eventually(async () => statusOf(sessionId) === 'idle');
    const end = typesOf(sessionId);
    assert.equal(end.filter(type => type === 'permission_request').length, 2);
    assert.equal(end.filter(type => type === 'permission_resolved').length, 2);
    assert.deepEqual(
      told.flatMap(batch => batch.settled).map(({ state }) => state),
      ['expired'],
    );
    assert.deepEqual(
      told.flatMap(batch => batch.ended).map(({ outcome }) => outcome),
      ['aborted'],
    );
    await sessions.close();
  });

  it('tells the truth when its agent dies, and ends its turn', async () => {
    const { sessions, puppets, told, typesOf, statusOf } = stage();
    const start = opening();
    await sessions.start(start);
    await sessions.prompt({ ...turn(), sessionId: start.sessionId, epoch: 1 });
    puppets[0]?.die();
    await eventually(async () => statusOf(start.sessionId) === 'failed');
    assert.deepEqual(
      told.flatMap(batch => batch.ended).map(({ outcome }) => outcome),
      ['failed'],
    );
    assert.deepEqual(typesOf(start.sessionId).slice(-3), ['session.error', 'session.idle', 'session.updated']);
    await assert.rejects(sessions.prompt({ ...turn(), sessionId: start.sessionId, epoch: 1 }), NotHere);
  });

  it('is parked when others need its room and it is idle; else there is none', async () => {
    const { sessions, puppets, statusOf } = stage();
    const [a, b, c, d] = [opening(), opening(), opening(), opening()];
    await sessions.start(a);
    await sessions.start(b);
    await sessions.prompt({ ...turn(), sessionId: b.sessionId, epoch: 1 });
    await sessions.start(c);
    assert.equal(statusOf(a.sessionId), 'parked');
    assert.equal(puppets[0]?.isClosed, true);
    await sessions.prompt({ ...turn(), sessionId: c.sessionId, epoch: 1 });
    await assert.rejects(sessions.start(d), hasCode('CAPACITY_EXCEEDED'));
    await sessions.close();
  });

  it('is parked when agents hold more memory than they may; with none idle one more is refused', async () => {
    const held = { bytes: 0 };
    const used = async () => held.bytes;
    const { sessions, puppets, statusOf } = stage({ maxLive: 9, memory: { maxBytes: 100, used } });
    const [a, b, c] = [opening(), opening(), opening()];
    await sessions.start(a);
    held.bytes = 100;
    const parking = sessions.start(b);
    await eventually(() => puppets[0]?.isClosed === true);
    held.bytes = 50;
    await parking;
    assert.equal(statusOf(a.sessionId), 'parked');
    await sessions.prompt({ ...turn(), sessionId: b.sessionId, epoch: 1 });
    held.bytes = 100;
    await assert.rejects(sessions.start(c), hasCode('CAPACITY_EXCEEDED'));
    await sessions.close();
  });

  it('is ended where somebody else drives it by now', async () => {
    const fenced = async () => ({ isFenced: true, expected: 1 });
    const { sessions, puppets } = stage({ tell: fenced });
    await sessions.start(opening());
    await eventually(async () => puppets[0]?.isClosed === true && sessions.size === 0);
  });

  it('is had only in existing directories inside the roots, with a configured agent', async () => {
    const root = await mkdtemp(join(tmpdir(), 'boxswain-roots-'));
    const { sessions } = stage({ roots: [root] });
    assert.equal(await sessions.check({ agent: 'puppet', cwd: root }), root);
    for (const cwd of ['/', 'relative', join(root, 'missing'), join(root, '..')])
      await assert.rejects(sessions.check({ agent: 'puppet', cwd }), hasCode('INVALID_CWD'));
    await assert.rejects(sessions.check({ agent: 'other', cwd: root }), hasCode('AGENT_UNAVAILABLE'));
    await assert.rejects(sessions.start(opening({ permissionMode: 'bypassPermissions' })), hasCode('POLICY_DENIED'));
    await sessions.close();
    await rm(root, { recursive: true });
  });
});
