import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { type Caller, localCaller } from '../../src/auth/caller.ts';
import { defineOperation } from '../../src/operations/define.ts';
import { eventually } from '../support/eventually.ts';
import { assertAlike } from './compare.ts';
import { asArgument, BASE, BESIDE, deposit, handleArguments, type Handles, neverExisted } from './handles.ts';
import { numbersOf, randomCall } from './random-calls.ts';
import { callerOf, everyOperation, type Json, openStage, type Stage } from './stage.ts';

const CALLS = Number(process.env.BOXSWAIN_ISOLATION_CALLS ?? 200);
/** Calls after which is looked at what they have changed. */
const AT_ONCE = 100;
const SEED = Number(process.env.BOXSWAIN_ISOLATION_SEED ?? Date.now() % 1_000_000);

const ada = callerOf('user:ada');
const eve = callerOf('user:eve');

describe('two callers on one hub', () => {
  let stage: Stage;
  let adas: Handles;
  let eves: Handles;
  const secretsOf = (secret: string, handles: Handles) => [
    ...[secret, secret === 'adas-own' ? ada.id : eve.id],
    ...Object.values(handles),
  ];

  before(async () => {
    stage = await openStage();
    [adas, eves] = [await deposit(stage, ada, 'adas-own'), await deposit(stage, eve, 'eves-own')];
  });
  after(() => stage.close());

  for (const operation of everyOperation) {
    const named = [...handleArguments(operation)].filter(([, kind]) => kind !== 'listCursor');
    if (named.length === 0) continue;
    test(`${operation.name} tells nothing of handles of somebody else`, async () => {
      const secrets = secretsOf('adas-own', adas);
      const own = Object.fromEntries(named.map(([name, kind]) => [name, asArgument(name, eves[kind])]));
      for (const [name, kind] of named) {
        // The other handles that it cannot do without are the caller's own.
        const needed = named.filter(
          ([other]) => other !== name && !operation.input.shape[other]?.safeParse(undefined).success,
        );
        const rest = {
          ...BASE[operation.name],
          ...BESIDE[name],
          ...Object.fromEntries(needed.map(([other]) => [other, own[other]])),
        };
        const other = neverExisted(adas[kind]);
        const twin = {
          operation,
          foreign: { ...rest, [name]: asArgument(name, adas[kind]) },
          never: { ...rest, [name]: asArgument(name, other) },
          handles: { foreign: [adas[kind]], never: [other] },
        };
        const code = await assertAlike(stage, twin, { caller: eve, secrets });
        // An argument that was refused as such would prove nothing about whose handle it is.
        if (kind !== 'eventCursor' && kind !== 'message')
          assert.notEqual(code, 'VALIDATION_ERROR', `${operation.name} ${name}`);
      }
    });
  }

  test('the same key of two callers is two keys', async () => {
    const theirs = await stage.made(ada, 'workspace_create', { name: 'one', idempotency_key: 'same' });
    const mine = await stage.made(eve, 'workspace_create', { name: 'one', idempotency_key: 'same' });
    assert.notEqual(mine.workspace_id, theirs.workspace_id);
  });

  test('lists and searches show nothing of the other', async () => {
    const lists = everyOperation.filter(
      ({ name, hints }) => hints.readOnly && /list|search|memory|observ|state/.test(name),
    );
    assert.ok(lists.length > 10);
    for (const operation of lists) {
      const required: Json =
        { get_project_memory: { slug: adas.slug }, search_sessions: { query: 'adas' } }[operation.name] ?? {};
      const answer = await stage.call(eve, operation, required);
      const text = JSON.stringify(answer).replaceAll(adas.slug, '');
      for (const secret of [adas.session, adas.workspace, adas.task, adas.agentSession, 'adas-own'])
        assert.ok(!text.includes(secret), `${operation.name} told ${secret}: ${text.slice(0, 2000)}`);
    }
  });

  test('searches, sums and projects are of what was said for the caller', async () => {
    const hits = async (caller: Caller, query: string) => {
      const { results } = await stage.made(caller, 'search_sessions', { query });
      return Array.isArray(results) ? results.map(({ sessionId }) => sessionId) : [];
    };
    // Both say it in their transcripts, which the worker has read to their ends by then.
    await eventually(async () => (await hits(eve, 'own')).length > 0 && (await hits(ada, 'own')).length > 0, 30_000);
    const [mine, theirs] = [await hits(eve, 'own'), await hits(ada, 'own')];
    assert.ok(mine.includes(eves.session) && theirs.includes(adas.session));
    assert.deepEqual(
      mine.filter(id => theirs.includes(id)),
      [],
    );
    assert.deepEqual(await hits(localCaller, 'own'), []);
    for (const [caller, { slug }] of [
      [eve, eves],
      [ada, adas],
    ] as const) {
      const { projects } = await stage.made(caller, 'list_projects');
      assert.deepEqual(Array.isArray(projects) && projects.map(project => project.slug), [slug]);
    }
    assert.equal((await stage.made(ada, 'get_observability')).totalSessions, 1);
  });

  test(`${CALLS} random calls with handles of the other tell and change nothing (seed ${SEED})`, async () => {
    const next = numbersOf(SEED);
    const sides = [
      { caller: ada, theirs: eves, secret: 'eves-own' },
      { caller: eve, theirs: adas, secret: 'adas-own' },
    ];
    for (let made = 0, round = 0; made < CALLS; round += 1) {
      const side = sides[round % sides.length] ?? assert.fail('no side');
      const words = [`"${side.theirs.workspace}"`, side.secret, side.theirs.session, side.theirs.task];
      const earlier = await stage.rowsWith(words);
      const secrets = secretsOf(side.secret, side.theirs);
      for (let at = 0; at < AT_ONCE && made < CALLS; at += 1, made += 1)
        await assertAlike(stage, randomCall(next, side.theirs), { caller: side.caller, secrets });
      assert.deepEqual(await stage.rowsWith(words), earlier, `seed ${SEED}, after ${made} calls`);
    }
  });
});

test('an operation with an argument that may be a handle, and of which nobody has said what it is, is noticed', () => {
  const operation = defineOperation({
    name: 'something_new',
    toolset: 'sandbox',
    title: 'New',
    description: 'New.',
    input: z.strictObject({ snapshot_id: z.string() }),
    output: z.looseObject({}),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    scope: 'sandbox:read',
    cli: { words: [], examples: [] },
    run: async () => ({}),
  });
  assert.throws(() => handleArguments(operation), /snapshot_id, which may be a handle/);
});
