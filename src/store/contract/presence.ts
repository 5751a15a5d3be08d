import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { OpenRecord } from '../agents/open-records.ts';
import type { MirrorPosition } from '../agents/presence.ts';
import { newSession } from './agents.ts';
import { newWorker, type Use } from './support.ts';

const open = (agentSessionId: string): OpenRecord => ({
  ...{ agent: 'claude', agentSessionId, pid: 7, status: 'idle', since: 5 },
});
const said = { type: 'message.created', body: { message: { id: 'm' } } };
const at = (after: string | null, turn: string | null = null): MirrorPosition => ({ after, turn, isSaid: false });

export function presenceContract(name: string, use: Use): void {
  describe(`${name}: sessions in terminals`, () => {
    it('are what each worker told last, at every hub', () =>
      use(async ({ store: { presence }, openAnother }) => {
        const elsewhere = (await openAnother()).presence;
        assert.deepEqual(await presence.put('w1', [open('a')]), []);
        await presence.put('w2', [open('b')]);
        assert.deepEqual(await elsewhere.put('w1', [open('c')]), [open('a')]);
        assert.deepEqual(await presence.all(), [
          { worker: 'w1', open: [open('c')] },
          { worker: 'w2', open: [open('b')] },
        ]);
      }));

    it('are told of one worker while it has a lease', () =>
      use(async ({ store: { presence, workers } }) => {
        await workers.join(newWorker({ id: 'w1' }), 60);
        await workers.join(newWorker({ id: 'w2' }), 0);
        assert.equal(await presence.ofLive('w1'), undefined);
        for (const worker of ['w1', 'w2', 'w3']) await presence.put(worker, [open(worker)]);
        assert.deepEqual(await presence.ofLive('w1'), [open('w1')]);
        assert.equal(await presence.ofLive('w2'), undefined);
        assert.equal(await presence.ofLive('w3'), undefined);
      }));

    it('take no prompt that is for their agent alone, as long as their worker has a lease', () =>
      use(async ({ store: { presence, sessions, turns, workers } }) => {
        await workers.join(newWorker({ id: 'w1' }), 60);
        await workers.join(newWorker({ id: 'w2' }), 0);
        for (const worker of ['w1', 'w2']) await presence.put(worker, [open('a')]);
        const outcomeFor = async (patch: Parameters<typeof newSession>[0]) => {
          const { id: sessionId, caller } = await sessions.insert(newSession({ status: 'idle', ...patch }));
          const turn = { id: randomUUID(), sessionId, caller, prompt: {}, state: 'queued', expiresAt: null } as const;
          const outcome = await turns.enqueueUnlessOpen(turn, { most: 20, beginAt: 1 });
          assert.equal((await turns.get(turn.id)) === undefined, outcome === 'open', 'then nothing was written');
          await turns.end({ id: turn.id, state: 'completed', result: {} });
          const atOnce = await turns.beginAtOnce({ ...turn, id: randomUUID() });
          assert.equal(atOnce === undefined, outcome === 'open');
          return typeof outcome === 'string' ? outcome : outcome.turn.state;
        };
        assert.equal(await outcomeFor({ agentSessionId: 'a' }), 'open');
        assert.equal(await outcomeFor({ agentSessionId: 'b' }), 'running');
        assert.equal(await outcomeFor({ agentSessionId: 'a', worker: 'w2' }), 'running');
        assert.equal(await outcomeFor({ agentSessionId: 'a', workspaceId: 'ws_1' }), 'running');
      }));

    it('have the records of all callers that name them, without those inside workspaces', () =>
      use(async ({ store: { presence, sessions } }) => {
        const of = (agentSessionId: string, patch = {}) => newSession({ agentSessionId, status: 'parked', ...patch });
        const mine = await sessions.insert(of('a'));
        const theirs = await sessions.insert(of('a', { caller: 'mallory' }));
        await sessions.insert(of('a', { worker: 'w2' }));
        await sessions.insert(of('a', { workspaceId: 'ws_1' }));
        await sessions.insert(of('b'));
        const found = (await presence.sessionsOf('w1', ['a', 'x'])).map(({ id }) => id);
        assert.deepEqual(found.sort(), [mine.id, theirs.id].sort());
        assert.deepEqual(await presence.sessionsOf('w1', []), []);
      }));

    it('change their state once, and never one that was started since', () =>
      use(async ({ store: { presence, sessions, events } }) => {
        const session = await sessions.insert(newSession({ status: 'parked' }));
        const change = { from: ['parked', 'closed'] as const, to: 'mirror' as const, event: said };
        const both = await Promise.all([presence.change(session, change), presence.change(session, change)]);
        assert.deepEqual(both.sort(), [false, true]);
        assert.equal((await sessions.get(session.id))?.status, 'mirror');
        assert.deepEqual(
          (await presence.followed()).map(({ id }) => id),
          [session.id],
        );
        await sessions.claim(session.id, { epoch: 1 }, { worker: 'w1' });
        assert.equal(await presence.change(session, { ...change, from: ['mirror', 'starting'] }), false);
        assert.equal((await events.read(`session:${session.id}`, 0, 10)).length, 1);
      }));

    it('are told of once: of two hubs at one position one is too late, and both while it is driven', () =>
      use(async ({ store: { presence, sessions, events }, openAnother }) => {
        const elsewhere = (await openAnother()).presence;
        const session = await sessions.insert(newSession({ status: 'parked' }));
        const move = { from: undefined, to: at('m1', 'p1'), events: [said] };
        const both = await Promise.all([presence.advance(session, move), elsewhere.advance(session, move)]);
        assert.deepEqual(both.sort(), [false, true]);
        assert.deepEqual(await elsewhere.position(session.id), at('m1', 'p1'));
        // Its turn has not ended, so it is followed although nobody has it open.
        assert.deepEqual(
          (await presence.followed()).map(({ id }) => id),
          [session.id],
        );
        assert.equal(await presence.advance(session, { from: at('m1', 'p1'), to: at('m2'), events: [] }), true);
        assert.deepEqual(await presence.followed(), []);
        const driven = await sessions.claim(session.id, { epoch: 1 }, { worker: 'w1' });
        const late = { from: at('m2'), to: at('m3'), events: [said] };
        assert.equal(await presence.advance(session, late), false);
        assert.equal(await presence.advance(driven ?? assert.fail('not claimed'), late), false);
        assert.equal((await events.read(`session:${session.id}`, 0, 10)).length, 1);
      }));

    it('let prompts wait in the way that was chosen, and give all of them to the agent in the end', () =>
      use(async ({ store: { turns, sessions } }) => {
        const session = await sessions.insert(newSession({ status: 'mirror' }));
        const turn = { id: 't', sessionId: session.id, caller: 'alice', prompt: { text: 'go' }, expiresAt: null };
        await turns.enqueue({ ...turn, state: 'queued' }, { most: 20 });
        const prompt = { text: 'go', deliver: 'stop_hook' };
        assert.equal(await turns.hold('t', { prompt, expiresAt: 9_999_999_999_999 }), true);
        assert.equal(await turns.begin(session.id, 1), undefined);
        assert.equal(await turns.release(session.id), 1);
        const begun = await turns.begin(session.id, 1);
        assert.deepEqual([begun?.prompt, begun?.expiresAt], [{ text: 'go' }, null]);
        await turns.end({ id: 't', state: 'completed', result: {} });
        assert.equal(await turns.hold('t', { prompt, expiresAt: 1 }), false);
      }));
  });
}
