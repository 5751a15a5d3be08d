import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { afterLast, beforeFirst } from '../../../test/support/around-tests.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { type NatsServer, startNats } from '../../../test/support/nats-server.ts';
import { silentLog } from '../../log/log.ts';
import { NobodyThere, RequestTimeout } from '../fabric.ts';
import { connectNats, type NatsFabric } from './nats-fabric.ts';

let server: NatsServer;
beforeFirst(async () => {
  server = await startNats();
});
afterLast(() => server.close());

// On a busy machine one of two comes back seconds after the other.
const inquiries = { everyMs: 40, patienceMs: 1_500 };
const join = (identity: { hub: string } | { worker: string }): Promise<NatsFabric> =>
  connectNats({ servers: [server.url], identity, log: silentLog, inquiries });

let hub: NatsFabric;
let worker: NatsFabric;
beforeEach(async () => {
  [hub, worker] = [await join({ hub: 'h1' }), await join({ worker: 'w1' })];
});
afterEach(async () => {
  await Promise.all([hub.close(), worker.close()]);
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const long = 60_000;
const ask = (timeoutMs = long) => hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs });

/** Kills the broker and waits until both have noticed. */
async function killBroker(): Promise<void> {
  await server.kill();
  await eventually(async () => !(await hub.health()).connected && !(await worker.health()).connected);
}

describe('when the broker is killed and starts again', () => {
  it('everything that was served is served, and every topic is heard', async () => {
    const heard = Promise.withResolvers<string>();
    await hub.subscribe('t.w1.x', body => heard.resolve(text(body)));
    await hub.serve({ hub: 'any' }, async (_body, from) => bytes(`hub to ${from}`));
    await worker.serve({ worker: 'w1' }, async () => bytes('worker'));
    await killBroker();
    await server.restart();
    // Each comes back in its own time; until then nobody is there.
    const answerOf = (asked: Promise<Uint8Array>) => asked.then(text, (error: Error) => error.name);
    const askHub = () => answerOf(worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long }));
    await eventually(async () => (await askHub()) === 'hub to w1' && (await answerOf(ask())) === 'worker');
    worker.publish('t.w1.x', bytes('news'));
    assert.equal(await heard.promise, 'news');
  });

  it('a request made meanwhile goes out once it is back, in order', async () => {
    const seen: string[] = [];
    await hub.serve({ hub: 'any' }, async body => {
      seen.push(text(body));
      return body;
    });
    await killBroker();
    const sent = ['1', '2', '3'];
    const answers = sent.map(body => hub.request({ hub: 'any' }, bytes(body), { timeoutMs: long }));
    await server.restart();
    assert.deepEqual((await Promise.all(answers)).map(text), sent);
    assert.deepEqual(seen, sent);
  });

  it('a request that could not wait for it is never sent', async () => {
    const seen: string[] = [];
    await hub.serve({ hub: 'any' }, async body => {
      seen.push(text(body));
      return body;
    });
    await killBroker();
    await assert.rejects(hub.request({ hub: 'any' }, bytes('early'), { timeoutMs: 5 }), RequestTimeout);
    await server.restart();
    await hub.request({ hub: 'any' }, bytes('late'), { timeoutMs: long });
    assert.deepEqual(seen, ['late']);
  });

  it('an answer given meanwhile arrives', async () => {
    const [arrived, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let handled = 0;
    await worker.serve({ worker: 'w1' }, async () => {
      handled += 1;
      arrived.resolve();
      await finish.promise;
      return bytes('at last');
    });
    const answer = ask();
    await arrived.promise;
    await killBroker();
    finish.resolve();
    await server.restart();
    assert.equal(text(await answer), 'at last');
    assert.equal(handled, 1);
  });

  it('what is published meanwhile is lost', async () => {
    const heard: string[] = [];
    const done = Promise.withResolvers<void>();
    await hub.subscribe('t.h.x', body => {
      heard.push(text(body));
      done.resolve();
    });
    await killBroker();
    hub.publish('t.h.x', bytes('early'));
    await server.restart();
    await eventually(async () => (await hub.health()).connected);
    hub.publish('t.h.x', bytes('late'));
    await done.promise;
    assert.deepEqual(heard, ['late']);
  });

  it('health says so', async () => {
    const before = await hub.health();
    assert.equal(before.connected, true);
    assert.match(before.version ?? '', /^\d+\.\d+/);
    assert.ok((before.roundTripMs ?? -1) >= 0);
    await killBroker();
    const away = await hub.health();
    assert.equal(away.connected, false);
    assert.equal(away.version, undefined);
    assert.ok(away.trouble);
    await server.restart();
    await eventually(async () => (await hub.health()).connected);
  });

  it('closing does not wait for it', async () => {
    await killBroker();
    const failed = assert.rejects(ask(), /closed/);
    await hub.close();
    await failed;
    await server.restart();
  });
});

it('health does not wait for a broker that stands still', async () => {
  process.kill(server.pid, 'SIGSTOP');
  try {
    // A signal takes effect a little later.
    await eventually(async () => !(await hub.health()).connected);
    assert.ok((await hub.health()).trouble);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
});

describe('a request whose worker', () => {
  it('has died ends long before its time', async () => {
    const arrived = Promise.withResolvers<void>();
    await worker.serve({ worker: 'w1' }, () => {
      arrived.resolve();
      return new Promise(() => {});
    });
    const failed = assert.rejects(
      ask(),
      (error: Error) => error instanceof RequestTimeout && /gone/.test(error.message),
    );
    await arrived.promise;
    await worker.close();
    await failed;
    await assert.rejects(ask(), NobodyThere);
  });

  it('has started anew ends at once: the new one does not have it', async () => {
    const arrived = Promise.withResolvers<void>();
    await worker.serve({ worker: 'w1' }, () => {
      arrived.resolve();
      return new Promise(() => {});
    });
    const failed = assert.rejects(
      ask(),
      (error: Error) => error instanceof RequestTimeout && /lost/.test(error.message),
    );
    await arrived.promise;
    await worker.close();
    worker = await join({ worker: 'w1' });
    await worker.serve({ worker: 'w1' }, async body => body);
    await failed;
  });

  it('takes its time is waited for', async () => {
    const finish = Promise.withResolvers<void>();
    await worker.serve({ worker: 'w1' }, async body => {
      await finish.promise;
      return body;
    });
    const answer = ask();
    // Long enough for a hub that takes silence for death.
    setTimeout(finish.resolve, 2 * inquiries.patienceMs);
    assert.equal(text(await answer), 'x');
  });
});
