import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { alice, type Bench, callOf, withBench } from '../../../test/support/hub-under-test.ts';
import { type Puppet, puppetDriver } from '../../../test/support/puppet-agent.ts';
import { AppError } from '../../errors/app-error.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { Hub } from '../hub.ts';
import type { WhenDone } from './family.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;
const timing = { sweepMs: 50 };

async function stage(bench: Bench, sessions: object = {}) {
  const puppets: Puppet[] = [];
  const hub = await bench.hub({ timing, config: { sessions } });
  await bench.worker({ driver: puppetDriver(puppets) });
  const begin = (parentId?: string, whenDone?: WhenDone) =>
    hub.sessions.desk.create(
      { agent: 'puppet', cwd: '/', permissionMode: 'default', ...(parentId && { parentId, whenDone }) },
      callOf(),
    );
  return { hub, puppets, begin };
}

const send = async (hub: Hub, id: string, text: string) => {
  const session = await hub.sessions.desk.find(id, alice);
  return await hub.sessions.desk.send({ session, prompt: { text, attachments: [] }, whenBusy: 'queue' }, callOf());
};
const heardBy = async (bench: Bench, id: string): Promise<[string, JsonObject][]> =>
  (await bench.store.events.read(`session:${id}`, 0, 1000)).flatMap(({ type, body }) =>
    type.startsWith('child.') || type === 'prompt.expired' ? [[type, body]] : [],
  );
const at = (puppets: Puppet[], index: number): Puppet => puppets[index] ?? assert.fail(`no agent ${index}`);

describe('a session that another has begun', () => {
  it(
    'tells its parent of the end of each turn as an event, and as a prompt where that was asked for',
    withBench(async bench => {
      const { hub, puppets, begin } = await stage(bench);
      const parent = await begin();
      const quiet = await begin(parent.id);
      const asked = await begin(parent.id, 'prompt');
      assert.deepEqual([quiet.parentId, asked.parentId], [parent.id, parent.id]);
      const first = await send(hub, quiet.id, 'one');
      await eventually(() => at(puppets, 1).prompts.length === 1);
      at(puppets, 1).end('completed');
      await eventually(async () => (await heardBy(bench, parent.id)).length === 1);
      const second = await send(hub, asked.id, 'two');
      await eventually(() => at(puppets, 2).prompts.length === 1);
      at(puppets, 2).end('failed');
      await eventually(() => at(puppets, 0).prompts.length === 1);
      const [text] = at(puppets, 0).prompts;
      assert.match(String(text), new RegExp(`session ${asked.id}.*ended: failed`));
      const heard = await heardBy(bench, parent.id);
      assert.deepEqual(
        heard.map(([type, body]) => [type, body.childSessionId, body.turnId, body.prompted]),
        [
          ['child.idle', quiet.id, first.turn.id, undefined],
          ['child.idle', asked.id, second.turn.id, true],
        ],
      );
    }),
  );

  it(
    'is heard of once, also when no hub was there at the end of its turn, and several are after it',
    withBench(async bench => {
      const { hub, puppets, begin } = await stage(bench);
      const parent = await begin();
      const child = await begin(parent.id, 'prompt');
      await hub.close();
      const id = randomUUID();
      const turn = { id, sessionId: child.id, caller: 'alice', prompt: {}, expiresAt: null, state: 'queued' } as const;
      await bench.store.turns.enqueue(turn, { most: 20 });
      // Written as by a hub that was killed in the moment after.
      await bench.store.turns.end({ id, state: 'interrupted', result: { outcome: 'interrupted' } });
      await Promise.all([bench.hub({ timing }), bench.hub({ timing })]);
      await eventually(() => at(puppets, 0).prompts.length === 1);
      at(puppets, 0).end('completed');
      const again = await bench.hub({ timing });
      await send(again, parent.id, 'after');
      await eventually(() => at(puppets, 0).prompts.length === 2);
      assert.equal(at(puppets, 0).prompts[1], 'after', 'nothing else came in between');
      assert.equal((await heardBy(bench, parent.id)).length, 1);
    }),
  );

  it(
    'tells when its agent is gone, and when it is disposed',
    withBench(async bench => {
      const { hub, puppets, begin } = await stage(bench);
      const { desk } = hub.sessions;
      const parent = await begin();
      const failing = await begin(parent.id);
      at(puppets, 1).die();
      await eventually(async () => (await heardBy(bench, parent.id)).length === 1);
      const disposed = await begin(parent.id);
      await desk.dispose(await desk.find(disposed.id, alice));
      await eventually(async () => (await heardBy(bench, parent.id)).length === 2);
      assert.deepEqual(
        (await heardBy(bench, parent.id)).map(([type, body]) => [type, body.childSessionId, body.status]),
        [
          ['child.ended', failing.id, 'failed'],
          ['child.ended', disposed.id, 'closed'],
        ],
      );
    }),
  );

  it(
    'does not wake a parent that was disposed: the event says why there is no prompt',
    withBench(async bench => {
      const { hub, puppets, begin } = await stage(bench);
      const { desk } = hub.sessions;
      const parent = await begin();
      const child = await begin(parent.id, 'prompt');
      await desk.dispose(await desk.find(parent.id, alice));
      await send(hub, child.id, 'one');
      await eventually(() => at(puppets, 1).prompts.length === 1);
      at(puppets, 1).end('completed');
      await eventually(async () => (await heardBy(bench, parent.id)).length === 1);
      const [[, body] = ['', {}]] = await heardBy(bench, parent.id);
      assert.deepEqual([body.prompted, body.reason], [false, `Session ${parent.id} is closed`]);
      assert.deepEqual(await bench.store.turns.open(parent.id), []);
      assert.equal((await desk.find(parent.id, alice)).status, 'closed');
    }),
  );

  it(
    'is refused beyond the number of children and the depth that the operator allows',
    withBench(async bench => {
      const { hub, begin } = await stage(bench, { max_children: 2, max_depth: 1 });
      const { desk } = hub.sessions;
      const parent = await begin();
      const [first] = [await begin(parent.id), await begin(parent.id)];
      await assert.rejects(begin(parent.id), hasCode('CAPACITY_EXCEEDED'));
      await assert.rejects(begin(first.id), hasCode('POLICY_DENIED'));
      await desk.dispose(await desk.find(first.id, alice));
      await begin(parent.id);
    }),
  );
});
