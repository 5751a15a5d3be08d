import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { NewAgentSession, NewPermission, SessionReport } from '../agents/store.ts';
import { idsOf, paged, type Use } from './support.ts';

export const newSession = (patch: Partial<NewAgentSession> = {}): NewAgentSession => ({
  id: randomUUID(),
  caller: 'alice',
  agent: 'claude',
  agentSessionId: null,
  worker: 'w1',
  workspaceId: null,
  slug: '-x-app',
  cwd: '/x/app',
  title: 'Mend the gate 100%',
  model: null,
  permissionMode: 'default',
  status: 'starting',
  parentId: null,
  forkedFrom: null,
  atMessageId: null,
  usage: {},
  messageCount: 0,
  metadata: {},
  ...patch,
});

const newPermission = (sessionId: string, patch: Partial<NewPermission> = {}): NewPermission => ({
  id: randomUUID(),
  sessionId,
  caller: 'alice',
  worker: 'w1',
  epoch: 1,
  source: 'session',
  toolName: 'Write',
  description: 'write a file',
  input: { path: 'a' },
  remember: ['once', 'always'],
  holdSeconds: 3600,
  ...patch,
});

export const prompt = (sessionId: string, id: string = randomUUID()) => ({
  id,
  sessionId,
  caller: 'alice',
  prompt: { text: 'go' },
  expiresAt: null,
  state: 'queued' as const,
});

export const told = (sessionId: string, patch: Partial<SessionReport> = {}): SessionReport => ({
  sessionId,
  worker: 'w1',
  epoch: 1,
  first: 1,
  events: [{ type: 'message.created', body: { n: 1 } }],
  ...patch,
});

export function agentsContract(name: string, use: Use): void {
  describe(`${name}: sessions with agents`, () => {
    it('are kept as they were inserted, once, and listed by their last change', () =>
      use(async ({ store }) => {
        const first = await store.sessions.insert(newSession());
        const { reported, epoch, statusReason, lastMessageAt } = first;
        assert.deepEqual([reported, epoch, statusReason, lastMessageAt], [0, 1, null, null]);
        assert.deepEqual(await store.sessions.insert({ ...newSession(), id: first.id, title: 'other' }), first);
        const second = await store.sessions.insert(newSession({ agent: 'codex', title: 'B' }));
        await store.sessions.insert(newSession({ caller: 'bob' }));
        await store.sessions.update(first.id, 'any', { title: 'A', usage: { inputTokens: 3 } });
        const list = (query: object) =>
          paged(page => store.sessions.list({ ...page, caller: 'alice', ...query }), 1).then(idsOf);
        assert.deepEqual(new Set(await list({})), new Set([first.id, second.id]));
        assert.deepEqual(await list({ agent: 'codex' }), [second.id]);
        assert.deepEqual(await list({ title: 'b' }), [second.id]);
        await store.sessions.update(second.id, 'any', { messageCount: 2, agentSessionId: 'own' });
        assert.deepEqual(idsOf(await store.sessions.byAgentSession('alice', ['own', 'x'])), [second.id]);
        assert.deepEqual(await store.sessions.byAgentSession('bob', ['own']), []);
        assert.deepEqual(await list({ title: '%' }), []);
        assert.deepEqual((await store.sessions.get(first.id))?.usage, { inputTokens: 3 });
      }));

    it('belong to one start of their agent at a time', () =>
      use(async ({ store, openAnother }) => {
        const other = await openAnother();
        const { id } = await store.sessions.insert(newSession({ status: 'parked' }));
        const claims = await Promise.all(
          [store, other, store, other].map((one, i) => one.sessions.claim(id, { epoch: 1 }, { worker: `w${i}` })),
        );
        const won = claims.filter(claim => claim !== undefined);
        assert.equal(won.length, 1);
        assert.deepEqual([won[0]?.epoch, won[0]?.status], [2, 'starting']);
        assert.equal(await store.sessions.update(id, { epoch: 1 }, { status: 'idle' }), false);
        assert.deepEqual(idsOf(await store.sessions.live(won[0]?.worker)), [id]);
      }));

    it('write what their worker tells once, in order, with all that follows from it', () =>
      use(async ({ store }) => {
        const { id } = await store.sessions.insert(newSession());
        const permission = newPermission(id);
        const turn = prompt(id);
        await store.turns.enqueue(turn, { most: 20 });
        await store.turns.begin(id, 1);
        const events = [1, 2, 3].map(n => ({ type: 'message.created', body: { n } }));
        const patch = { status: 'waiting_permission' as const, messageCount: 3 };
        const report = told(id, { events, patch, asked: [permission] });
        const session = { id, caller: 'alice', workspaceId: null, parentId: null };
        /** Whoever follows closely gets what the report answers, others read it: it must be the same. */
        const logged = async (after: number, range: number) => ({
          events: await store.events.read(`session:${id}`, after, 100),
          ranges: await store.events.read('feed:alice', range, 100),
        });
        const written = await store.sessions.report(report);
        assert.deepEqual(written, { reported: 3, session: { ...session, logged: await logged(0, 0) } });
        assert.deepEqual(await store.sessions.report(report), { reported: 3 });
        const overlapping = told(id, {
          first: 3,
          events: [...events.slice(2), { type: 'session.idle', body: {} }],
          settled: [{ id: permission.id, state: 'denied' }],
          ended: [{ id: turn.id, state: 'completed', result: { costUsd: 0 } }],
          patch: { status: 'idle' },
        });
        const added = await store.sessions.report(overlapping);
        assert.deepEqual(added, { reported: 4, session: { ...session, logged: await logged(3, 1) } });
        assert.deepEqual(await store.sessions.report(told(id, { first: 6 })), { gap: 5 });
        assert.deepEqual(await store.sessions.report(told(id, { epoch: 0 })), { fenced: true });
        assert.deepEqual(await store.sessions.report(told(id, { worker: 'w2' })), { fenced: true });
        assert.deepEqual(await store.sessions.report(told(randomUUID())), { fenced: true });
        const log = await store.events.read(`session:${id}`, 0, 100);
        assert.deepEqual(
          log.map(({ seq, type }) => [seq, type]),
          [
            [1, 'message.created'],
            [2, 'message.created'],
            [3, 'message.created'],
            [4, 'session.idle'],
          ],
        );
        const queued = await store.sessions.append(id, [{ type: 'prompt.queued', body: {} }], { title: 'new' });
        assert.deepEqual(queued, { ...session, logged: await logged(4, 2) });
        assert.equal(await store.sessions.append(randomUUID(), []), undefined);
        const feed = await store.events.read('feed:alice', 0, 100);
        assert.deepEqual(
          feed.map(({ body }) => [body.session_id, body.first, body.last]),
          [
            [id, 1, 3],
            [id, 4, 4],
            [id, 5, 5],
          ],
        );
        assert.equal((await store.permissions.get(permission.id))?.state, 'denied');
        assert.equal((await store.turns.get(turn.id))?.state, 'completed');
        const { status, messageCount, reported } = (await store.sessions.get(id)) ?? assert.fail('gone');
        assert.deepEqual([status, messageCount, reported], ['idle', 3, 4]);
      }));
  });

  describe(`${name}: requests for leave`, () => {
    it('take the first answer, and are delivered until somebody has it', () =>
      use(async ({ store, openAnother }) => {
        const other = await openAnother();
        const asked = await store.permissions.insert(newPermission('s1'));
        assert.deepEqual([asked.state, asked.remember, asked.isDelivered], ['pending', ['once', 'always'], false]);
        assert.deepEqual(await store.permissions.insert(newPermission('s1', { id: asked.id, toolName: 'X' })), asked);
        const answers = await Promise.all(
          [store, other].map((one, i) =>
            one.permissions.resolve(asked.id, { state: i === 0 ? 'allowed' : 'denied', answer: { by: i } }),
          ),
        );
        assert.equal(answers.filter(answer => answer?.isFirst).length, 1);
        assert.deepEqual(answers[0]?.record, answers[1]?.record);
        assert.deepEqual(idsOf(await store.permissions.undelivered()), [asked.id]);
        await store.permissions.delivered(asked.id);
        assert.deepEqual(await store.permissions.undelivered(), []);
        assert.equal(await store.permissions.resolve('unknown', { state: 'denied', answer: null }), undefined);
      }));

    it('expire, and are listed for their caller', () =>
      use(async ({ store }) => {
        const short = await store.permissions.insert(newPermission('s1', { holdSeconds: 0 }));
        const long = await store.permissions.insert(newPermission('s2'));
        await store.permissions.insert(newPermission('s3', { caller: 'bob' }));
        assert.deepEqual(idsOf(await store.permissions.expire()), [short.id]);
        const list = (query: { pendingOnly: boolean; sessionId?: string }) =>
          paged(page => store.permissions.list({ ...page, caller: 'alice', ...query }), 1).then(idsOf);
        assert.deepEqual(await list({ pendingOnly: true }), [long.id]);
        assert.deepEqual(await list({ pendingOnly: false }), [long.id, short.id]);
        assert.deepEqual(await list({ pendingOnly: false, sessionId: 's1' }), [short.id]);
      }));
  });

  describe(`${name}: what callers keep`, () => {
    it('changes from version to version, and loses no change', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        assert.deepEqual(await store.callerStates.get('alice'), { caller: 'alice', version: 0, state: {} });
        await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            stores[i % 2]?.callerStates.update('alice', state => ({ ...state, [`k${i}`]: i }), {}),
          ),
        );
        const { version, state } = await store.callerStates.get('alice');
        assert.deepEqual([version, Object.keys(state).length], [10, 10]);
        assert.equal(await store.callerStates.update('alice', () => ({}), { ifVersion: 9 }), undefined);
        assert.equal((await store.callerStates.update('alice', () => ({}), { ifVersion: 10 }))?.version, 11);
      }));
  });

  describe(`${name}: files for prompts`, () => {
    it('belong to their caller, and keep their bytes until they are forgotten', () =>
      use(async ({ store }) => {
        const sha256 = 'a'.repeat(64);
        const file = { id: 'up_1', caller: 'alice', sessionId: 's1', name: 'a.png', contentType: 'image/png' };
        const kept = await store.uploads.insert({ ...file, sha256, sizeBytes: 7 });
        assert.deepEqual(await store.uploads.ofCaller('alice', ['up_1', 'up_2']), [kept]);
        assert.deepEqual(await store.uploads.ofCaller('bob', ['up_1']), []);
        assert.ok((await store.referencedBlobs()).has(sha256));
        assert.equal(await store.uploads.prune(kept.createdAt), 0);
        assert.equal(await store.uploads.prune(kept.createdAt + 1), 1);
        assert.ok(!(await store.referencedBlobs()).has(sha256));
      }));

    it('that a prompt names stay while it waits', () =>
      use(async ({ store }) => {
        const { id } = await store.sessions.insert(newSession());
        const sha256 = 'b'.repeat(64);
        const turn = { ...prompt(id), prompt: { text: 'look', attachments: [{ sha256 }] } };
        await store.turns.enqueue(turn, { most: 20 });
        assert.ok((await store.referencedBlobs()).has(sha256));
        await store.turns.end({ id: turn.id, state: 'completed', result: {} });
        assert.ok(!(await store.referencedBlobs()).has(sha256));
      }));
  });
}
