import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../log/log.ts';
import { startOtlpReceiver } from '../../test/support/otlp-receiver.ts';
import { currentScope, inScope, requestIdHere } from './scope.ts';
import { carriedScope, continueScope, openScope, startTracing, traced } from './tracing.ts';

const options = { sampleRatio: 1, role: 'hub', version: '1.2.3', log: silentLog };
const arrival = { requestId: 'r-1', name: 'POST /mcp', carrier: {}, attributes: {} };
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('while tracing is off', () => {
  it('runs the work as it is', () => {
    const promise = Promise.resolve(1);
    assert.equal(
      inScope({ requestId: 'r-1' }, () => traced('x', () => promise, { mayBegin: true })),
      promise,
    );
  });

  it('carries the id of the request and no trace', async () => {
    const { scope, end } = openScope({ ...arrival, carrier: { traceparent: PARENT } });
    assert.equal(end, undefined);
    const carried = inScope(scope, carriedScope);
    assert.deepEqual(JSON.parse(JSON.stringify(carried)), { request: 'r-1' });
    assert.equal(await continueScope(carried, 'x', async () => requestIdHere()), 'r-1');
  });

  it('handles what no call has caused outside of any scope', async () => {
    assert.equal(carriedScope(), undefined);
    const scope = await inScope({ requestId: 'other' }, () =>
      continueScope(undefined, 'x', async () => currentScope()),
    );
    assert.equal(scope, undefined);
  });

  it('sends nothing', async () => {
    await (await startTracing({ ...options, endpoint: undefined }))();
    assert.equal(openScope(arrival).scope.trace, undefined);
  });
});

describe('while tracing is on', () => {
  let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    receiver = await startOtlpReceiver();
    stop = await startTracing({ ...options, endpoint: `${receiver.url}/` });
  });
  afterEach(async () => {
    await stop();
    await receiver.close();
  });
  const sent = async () => {
    await stop();
    return new Map(receiver.spans.map(span => [span.name, span]));
  };

  it('connects request, work, and what a message brought elsewhere', async () => {
    const { scope, end } = openScope({ ...arrival, carrier: { traceparent: PARENT } });
    await inScope(scope, () =>
      traced('echo', async () => {
        const carried = JSON.parse(JSON.stringify(carriedScope()));
        assert.equal(carried.request, 'r-1');
        await continueScope(carried, 'run.submit', () => traced('boxd python', async () => {}));
      }),
    );
    end?.(200);
    const spans = await sent();
    assert.deepEqual([...spans.keys()].sort(), ['POST /mcp', 'boxd python', 'echo', 'run.submit']);
    const parentOf = (name: string) => spans.get(name)?.parentSpanId;
    assert.equal(parentOf('POST /mcp'), 'b7ad6b7169203331');
    assert.equal(parentOf('echo'), spans.get('POST /mcp')?.spanId);
    assert.equal(parentOf('run.submit'), spans.get('echo')?.spanId);
    assert.equal(parentOf('boxd python'), spans.get('run.submit')?.spanId);
    for (const { traceId, service } of spans.values()) {
      assert.equal(traceId, '0af7651916cd43dd8448eb211c80319c');
      assert.equal(service, 'boxswain-hub');
    }
  });

  it('names the kind of a failure, never its message, and passes it on', async () => {
    const failure = Object.assign(new Error('secret'), { code: 'DISK_FULL' });
    const failing = inScope({ requestId: 'r-1' }, () => traced('x', () => Promise.reject(failure), { mayBegin: true }));
    await assert.rejects(failing, failure);
    assert.equal((await sent()).get('x')?.attributes['error.type'], 'DISK_FULL');
    assert.doesNotMatch(JSON.stringify(receiver.spans), /secret/);
  });

  it('begins a trace only where it may, so that beats and sweeps leave none', async () => {
    await traced('sweep', async () => {}, { mayBegin: true });
    await inScope({ requestId: 'r-1' }, () => traced('beat', async () => {}));
    await inScope({ requestId: 'r-2' }, () => traced('call', async () => {}, { mayBegin: true }));
    assert.deepEqual([...(await sent()).keys()], ['call']);
  });

  it('takes a malformed traceparent for none', async () => {
    openScope({ ...arrival, carrier: { traceparent: 'garbage' } }).end?.(500);
    assert.equal((await sent()).get('POST /mcp')?.parentSpanId, '');
  });

  it('leaves out what the caller decided not to trace', async () => {
    const { scope, end } = openScope({ ...arrival, carrier: { traceparent: PARENT.replace(/01$/, '00') } });
    const carried = inScope(scope, carriedScope);
    assert.match(carried?.trace?.traceparent ?? '', /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    end?.(200);
    assert.equal((await sent()).size, 0);
  });
});

it('a receiver that is gone fails neither calls nor the end, and is told of', async () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  const receiver = await startOtlpReceiver();
  await receiver.close();
  const stop = await startTracing({ ...options, endpoint: receiver.url, log });
  const value = await inScope({ requestId: 'r' }, () => traced('x', async () => 7, { mayBegin: true }));
  assert.equal(value, 7);
  await stop();
  assert.ok(warnings.includes('spans could not be sent'));
});
