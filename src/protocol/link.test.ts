import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Blobs } from '../blobs/blobs.ts';
import { AppError } from '../errors/app-error.ts';
import { NobodyThere, RequestTimeout } from '../fabric/fabric.ts';
import { currentScope, inScope } from '../telemetry/scope.ts';
import { decodeMessage, encodeMessage, ProtocolError, SPILL_BYTES } from './envelope.ts';
import { type Linked, openLinked } from '../../test/support/linked.ts';
import { hubHandlers, workerHandlers } from '../../test/support/unused-handlers.ts';
import { askHub, askWorker, type Link, NotHere, serveHub, serveWorker } from './link.ts';

let linked: Linked;
let blobs: Blobs;
let hub: Link;
let worker: Link;
let errors: Linked['errors'];

beforeEach(async () => {
  linked = await openLinked({ isDirect: false });
  ({ blobs, hub, worker, errors } = linked);
});
afterEach(() => linked.close());

const serving: Linked['serving'] = some => linked.serving(some);
const held = { workspaceId: 'ws_1', epoch: 1 };
const options = { worker: 'w1', timeoutMs: 30_000 };
const storedBlobs = async () => (await Array.fromAsync(blobs.list({ olderThanMs: -1000 }))).length;
const writing = (content: string) => ({
  ...held,
  file: { kind: 'write' as const, path: 'f', content, encoding: 'utf8' as const, createDirs: true },
});

describe('envelope', () => {
  it('gives back any JSON value, whatever its size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.boolean(), async (value, isLarge) => {
        const message = isLarge ? { value, ballast: 'ü'.repeat(SPILL_BYTES) } : { value };
        const bytes = await encodeMessage(message, blobs);
        assert.ok(bytes.byteLength <= SPILL_BYTES);
        const expected: unknown = JSON.parse(JSON.stringify(message));
        assert.deepEqual(await decodeMessage(bytes, blobs, { isOnlyReader: true }), expected);
      }),
      { numRuns: 50 },
    );
    assert.equal(await storedBlobs(), 0);
  });

  it('keeps the blob of a message that has several readers', async () => {
    const bytes = await encodeMessage('x'.repeat(SPILL_BYTES), blobs);
    await decodeMessage(bytes, blobs);
    await decodeMessage(bytes, blobs, { isOnlyReader: true });
    await assert.rejects(async () => decodeMessage(bytes, blobs), ProtocolError);
  });

  it('refuses bytes that are no message', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 30 }), async bytes => {
        fc.pre(bytes[0] !== 0x4a);
        await assert.rejects(async () => decodeMessage(bytes, blobs), ProtocolError);
      }),
    );
    const hash = createHash('sha256').update('[]').digest('hex');
    await blobs.put(Buffer.from('[]'));
    const foreign = Buffer.from(`B${JSON.stringify({ sha256: hash, sizeBytes: 2 })}`);
    await assert.rejects(async () => decodeMessage(foreign, blobs), ProtocolError);
    assert.throws(() => encodeMessage(undefined, blobs), TypeError);
  });
});

describe('asking a worker', () => {
  it('parses request and reply, and names the sender', async () => {
    await serving({
      'workspace.inspect': async (body, { from }) => ({
        state: 'ready',
        generation: body.epoch,
        activeTasks: 0,
        contexts: [{ name: from, generation: 1 }],
        usage: null,
      }),
    });
    const reply = await askWorker(hub, 'workspace.inspect', { ...held, withUsage: false }, options);
    assert.deepEqual(reply.contexts, [{ name: 'h1', generation: 1 }]);
  });

  it('carries a megabyte both ways and leaves no blob behind', async () => {
    await serving({
      'file.do': async ({ file }) => ({
        output: { content: file.kind === 'write' ? file.content : '' },
        artifacts: [],
        generation: 1,
      }),
    });
    const content = 'ä'.repeat(500_000);
    const reply = await askWorker(hub, 'file.do', writing(content), options);
    assert.deepEqual(reply.output, { content });
    assert.equal(await storedBlobs(), 0);
  });

  it('starts handlers in the order of the calls, small messages never overtaking large ones', async () => {
    const sizes: number[] = [];
    await serving({
      'file.do': async ({ file }) => {
        sizes.push(file.kind === 'write' ? file.content.length : -1);
        return { output: {}, artifacts: [], generation: 1 };
      },
    });
    const sent = [300_000, 1, 400_000, 2, 3, 250_000];
    await Promise.all(sent.map(size => askWorker(hub, 'file.do', writing('x'.repeat(size)), options)));
    assert.deepEqual(sizes, sent);
  });

  it('throws what the worker threw: an AppError with code, hint and details, or NotHere', async () => {
    await serving({
      'workspace.close': async () => {
        throw new AppError('DISK_FULL', 'full', { hint: 'delete', details: { limit: 5 } });
      },
      'run.cancel': async () => {
        throw new NotHere();
      },
    });
    await assert.rejects(askWorker(hub, 'workspace.close', held, options), error => {
      assert.ok(error instanceof AppError);
      assert.deepEqual(
        [error.code, error.message, error.hint, error.details],
        ['DISK_FULL', 'full', 'delete', { limit: 5 }],
      );
      return true;
    });
    await assert.rejects(askWorker(hub, 'run.cancel', { ...held, commandId: 'c', reason: '' }, options), NotHere);
    assert.deepEqual(errors, []);
  });

  it('hides any other failure behind a reference that the serving side logs', async () => {
    await serving({
      'worker.status': async () => {
        throw new Error('secret path /srv/x');
      },
    });
    await assert.rejects(askWorker(hub, 'worker.status', {}, options), error => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'INTERNAL_ERROR');
      assert.doesNotMatch(JSON.stringify(error.toShape()), /secret/);
      assert.equal(error.details.reference, errors[0]?.reference);
      return true;
    });
    assert.match(String(errors[0]?.error), /secret path/);
  });

  it('serves within the scope of the request, whose id is the reference of a failure', async () => {
    const seen: (string | undefined)[] = [];
    await serveWorker(worker, {
      worker: 'w1',
      handlers: workerHandlers({
        'worker.status': async () => {
          seen.push(currentScope()?.requestId);
          throw new Error('unforeseen');
        },
      }),
      onError: () => void seen.push(currentScope()?.requestId),
    });
    const ask = () => askWorker(hub, 'worker.status', {}, options);
    await assert.rejects(inScope({ requestId: 'ticket-1' }, ask), /internal error, reference ticket-1$/);
    await assert.rejects(ask(), /internal error, reference req_/);
    assert.deepEqual(seen, ['ticket-1', 'ticket-1', undefined, undefined]);
  });

  it('is NO_WORKER_AVAILABLE where nobody serves and where no answer comes', async () => {
    const unavailable = (cause: typeof NobodyThere | typeof RequestTimeout) => (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'NO_WORKER_AVAILABLE');
      assert.equal(error.message, 'no workers available to handle request');
      assert.ok(error.cause instanceof cause);
      return true;
    };
    await assert.rejects(askWorker(hub, 'worker.status', {}, options), unavailable(NobodyThere));
    await serving({ 'worker.status': () => new Promise(() => {}) });
    const ask = askWorker(hub, 'worker.status', {}, { worker: 'w1', timeoutMs: 5 });
    await assert.rejects(ask, unavailable(RequestTimeout));
  });

  it('gives up with the signal', async () => {
    await serving({ 'worker.status': () => new Promise(() => {}) });
    const aborter = new AbortController();
    const ask = askWorker(hub, 'worker.status', {}, { ...options, signal: aborter.signal });
    aborter.abort(new Error('enough'));
    await assert.rejects(ask, /enough/);
  });

  it('refuses a reply that does not fit, and a request of an unknown verb', async () => {
    await worker.fabric.serve({ worker: 'w1' }, async () =>
      encodeMessage({ ok: true, body: { workspaces: 'many' } }, blobs),
    );
    await assert.rejects(askWorker(hub, 'worker.status', {}, options), ProtocolError);
    await serveHub(hub, { handlers: hubHandlers({}), onError: linked.onError });
    const message = await encodeMessage({ verb: 'toString', body: {} }, blobs);
    const reply = await decodeMessage(await worker.fabric.request({ hub: 'any' }, message, options), blobs);
    assert.match(JSON.stringify(reply), /INTERNAL_ERROR/);
    assert.ok(errors[0]?.error instanceof ProtocolError);
  });
});

describe('asking a hub', () => {
  it('answers, and fails as the fabric does while there is none', async () => {
    const ask = () => askHub(worker, 'worker.beat', { boot: 'b' }, { timeoutMs: 30_000 });
    await assert.rejects(ask(), NobodyThere);
    const close = await serveHub(hub, {
      handlers: hubHandlers({ 'worker.beat': async (_, { from }) => ({ isLive: from === 'w1', isDraining: false }) }),
      onError: linked.onError,
    });
    assert.deepEqual(await ask(), { isLive: true, isDraining: false });
    await close();
    await assert.rejects(ask(), NobodyThere);
  });
});
