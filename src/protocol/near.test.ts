import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { NobodyThere, RequestTimeout } from '../fabric/fabric.ts';
import { currentScope, inScope } from '../telemetry/scope.ts';
import { type Linked, openLinked } from '../../test/support/linked.ts';
import { hubHandlers } from '../../test/support/unused-handlers.ts';
import { askHub, askWorker, type HubHandlers, type Link, NotHere, serveHub, type WorkerHandlers } from './link.ts';

type Submit = WorkerHandlers['run.submit'];

let linked: Linked;
let hub: Link;
let errors: Linked['errors'];

beforeEach(async () => {
  linked = await openLinked({ isDirect: true });
  ({ hub, errors } = linked);
});
afterEach(() => linked.close());

const serving = (submit: Submit) => linked.serving({ 'run.submit': submit });
const request = {
  ...{ workspaceId: 'ws_1', epoch: 1, commandId: 'task_1', waitMs: 1, detached: false },
  job: { kind: 'lint' as const, paths: ['.'], timeoutSeconds: 1 },
};
const options = { worker: 'w1', timeoutMs: 30_000 };

describe('asking a worker of the same process', () => {
  it('hands over what is asked and answered as it is, at once and in order, within the same scope', async () => {
    const seen: unknown[] = [];
    await serving(async (body, { from }) => {
      seen.push([body === request, from, currentScope()?.requestId]);
      return { state: 'queued', sequence: seen.length };
    });
    const asked = [1, 2].map(n =>
      inScope({ requestId: `req_${n}` }, () => askWorker(hub, 'run.submit', request, options)),
    );
    assert.equal(seen.length, 2);
    assert.deepEqual(await Promise.all(asked), [
      { state: 'queued', sequence: 1 },
      { state: 'queued', sequence: 2 },
    ]);
    assert.deepEqual(seen, [
      [true, 'h1', 'req_1'],
      [true, 'h1', 'req_2'],
    ]);
  });

  it('throws what the worker threw, and hides what nobody foresaw', async () => {
    const thrown = [
      new AppError('QUEUE_FULL', 'full', { hint: 'wait', details: { n: 1 }, cause: new Error('inner') }),
      new NotHere(),
      new Error('secret'),
    ];
    await serving(async () => {
      throw thrown.shift();
    });
    const ask = () =>
      inScope({ requestId: 'req_x' }, () => askWorker(hub, 'run.submit', request, options)).catch(error => error);
    const full = await ask();
    assert.ok(full instanceof AppError && full.cause === undefined);
    assert.deepEqual([full.code, full.message, full.hint, full.details], ['QUEUE_FULL', 'full', 'wait', { n: 1 }]);
    assert.ok((await ask()) instanceof NotHere);
    const hidden = await ask();
    assert.ok(hidden instanceof AppError);
    assert.deepEqual([hidden.code, hidden.message], ['INTERNAL_ERROR', 'internal error, reference req_x']);
    assert.deepEqual(
      errors.map(({ error, reference }) => [String(error), reference]),
      [['Error: secret', 'req_x']],
    );
  });

  it('ends with time, signal and fabric, and with the worker', async () => {
    const close = await serving(() => new Promise(() => {}));
    const late = await askWorker(hub, 'run.submit', request, { ...options, timeoutMs: 5 }).catch(error => error);
    assert.ok(late instanceof AppError && late.code === 'NO_WORKER_AVAILABLE');
    assert.ok(late.cause instanceof RequestTimeout && late.details.reason === 'no_answer');
    const gone = AbortSignal.timeout(5);
    await assert.rejects(askWorker(hub, 'run.submit', request, { ...options, signal: gone }), { name: 'TimeoutError' });
    const open = askWorker(hub, 'run.submit', request, options);
    await Promise.all([assert.rejects(open, /closed/), hub.fabric.close()]);
    await close();
    const none = await askWorker(hub, 'run.submit', request, options).catch(error => error);
    assert.match(String(none), /closed/);
  });

  it('is open to its hub too, which it tells of sessions without a message', async () => {
    const told = { sessionId: 's1', epoch: 1, first: 1, events: [], patch: {}, asked: [], settled: [], ended: [] };
    const seen: unknown[] = [];
    const record: HubHandlers['session.told'] = async (body, { from }) => {
      seen.push([body === told, from]);
      return { isFenced: false, expected: 2 };
    };
    const { worker, onError } = linked;
    const close = await serveHub(hub, { handlers: hubHandlers({ 'session.told': record }), onError });
    assert.deepEqual(await askHub(worker, 'session.told', told, options), { isFenced: false, expected: 2 });
    assert.deepEqual(seen, [[true, 'w1']]);
    await close();
    await assert.rejects(askHub(worker, 'session.told', told, options), NobodyThere);
  });

  it('is NO_WORKER_AVAILABLE once nobody serves', async () => {
    const close = await serving(async () => ({ state: 'queued', sequence: 1 }));
    await close();
    const none = await askWorker(hub, 'run.submit', request, options).catch(error => error);
    assert.ok(none instanceof AppError && none.cause instanceof NobodyThere);
  });
});
