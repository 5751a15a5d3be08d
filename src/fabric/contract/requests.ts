import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Fabric,
  MAX_MESSAGE_BYTES,
  MessageTooLarge,
  NobodyThere,
  NotPermitted,
  RequestTimeout,
} from '../fabric.ts';
import { bytes, echo, long, silent, text, type WithFabric } from './support.ts';

export function requestContract(name: string, withFabric: WithFabric): void {
  describe(`${name}: request and serve`, () => {
    it(
      'carries bytes both ways and names the sender',
      withFabric(async (hub, worker) => {
        await worker.serve({ worker: 'w1' }, async (body, from) => bytes(`${text(body)} from ${from}`));
        assert.equal(text(await hub.request({ worker: 'w1' }, bytes('hi'), { timeoutMs: long })), 'hi from h1');
      }),
    );

    it(
      'copies: neither side sees the other change its buffer afterwards',
      withFabric(async (hub, worker) => {
        const kept: Uint8Array[] = [];
        const answer = bytes('answer');
        await worker.serve({ worker: 'w1' }, async body => {
          kept.push(body);
          return answer;
        });
        const sent = bytes('sent');
        const pending = hub.request({ worker: 'w1' }, sent, { timeoutMs: long });
        sent.fill(0);
        const reply = await pending;
        answer.fill(0);
        assert.equal(text(reply), 'answer');
        assert.deepEqual(kept.map(text), ['sent']);
      }),
    );

    it(
      'says at once that nobody is there, also after the server closed',
      withFabric(async (hub, worker) => {
        const ask = () => hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long });
        await assert.rejects(ask(), NobodyThere);
        const stop = await worker.serve({ worker: 'w1' }, echo);
        await ask();
        await stop();
        await assert.rejects(ask(), NobodyThere);
        await worker.serve({ worker: 'w1' }, echo);
        await worker.close();
        await assert.rejects(ask(), NobodyThere);
      }),
    );

    it(
      'times out on a server that is silent and on one that throws',
      withFabric(async (hub, worker, all) => {
        await worker.serve({ worker: 'w1' }, silent);
        await assert.rejects(hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: 5 }), RequestTimeout);
        const other = await all.connect({ worker: 'w2' });
        await other.serve({ worker: 'w2' }, async () => {
          throw new Error('handler failed');
        });
        await assert.rejects(hub.request({ worker: 'w2' }, bytes('x'), { timeoutMs: 5 }), RequestTimeout);
      }),
    );

    it(
      'gives up with the signal, before and during the wait',
      withFabric(async (hub, worker) => {
        const arrived = Promise.withResolvers<void>();
        await worker.serve({ worker: 'w1' }, () => {
          arrived.resolve();
          return silent();
        });
        const aborter = new AbortController();
        const ask = () => hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long, signal: aborter.signal });
        const pending = ask();
        await arrived.promise;
        aborter.abort(new Error('enough'));
        await assert.rejects(pending, /enough/);
        await assert.rejects(ask(), /enough/);
      }),
    );

    it(
      'refuses a message over the limit, on the way there and back, and carries one at the limit',
      withFabric(async (hub, worker) => {
        await worker.serve({ worker: 'w1' }, async body =>
          body.length === 1 ? new Uint8Array(MAX_MESSAGE_BYTES + 1) : body,
        );
        const ask = (size: number) => hub.request({ worker: 'w1' }, new Uint8Array(size), { timeoutMs: long });
        assert.equal((await ask(MAX_MESSAGE_BYTES)).length, MAX_MESSAGE_BYTES);
        await assert.rejects(ask(MAX_MESSAGE_BYTES + 1), MessageTooLarge);
        await assert.rejects(ask(1), MessageTooLarge);
        assert.throws(() => hub.publish('topic', new Uint8Array(MAX_MESSAGE_BYTES + 1)), MessageTooLarge);
      }),
    );

    it(
      'keeps the order of one sender, and does not wait for one answer before the next message',
      withFabric(async (hub, worker) => {
        const seen: string[] = [];
        const last = Promise.withResolvers<void>();
        await worker.serve({ worker: 'w1' }, async body => {
          seen.push(text(body));
          if (text(body) === '49') last.resolve();
          await last.promise;
          return body;
        });
        const sent = Array.from({ length: 50 }, (_, i) => String(i));
        const answers = await Promise.all(sent.map(i => hub.request({ worker: 'w1' }, bytes(i), { timeoutMs: long })));
        assert.deepEqual(seen, sent);
        assert.deepEqual(answers.map(text), sent);
      }),
    );

    it(
      'gives a message for any hub to exactly one hub, and uses both',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ hub: 'h2' });
        const count = { h1: 0, h2: 0 };
        const serving = (id: 'h1' | 'h2') => async () => {
          count[id] += 1;
          return bytes(id);
        };
        await hub.serve({ hub: 'any' }, serving('h1'));
        await second.serve({ hub: 'any' }, serving('h2'));
        for (let i = 0; i < 64; i += 1) await worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long });
        assert.equal(count.h1 + count.h2, 64);
        assert.ok(count.h1 > 0 && count.h2 > 0, JSON.stringify(count));
      }),
    );

    it(
      'goes on with the other hub when one leaves',
      withFabric(async (hub, worker, all) => {
        const second = await all.connect({ hub: 'h2' });
        await hub.serve({ hub: 'any' }, async () => bytes('h1'));
        await second.serve({ hub: 'any' }, async () => bytes('h2'));
        await second.close();
        for (let i = 0; i < 16; i += 1) {
          assert.equal(text(await worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long })), 'h1');
        }
      }),
    );

    it(
      'names a worker that asks a hub',
      withFabric(async (hub, worker) => {
        await hub.serve({ hub: 'any' }, async (_body, from) => bytes(from));
        assert.equal(text(await worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long })), 'w1');
      }),
    );

    it(
      'keeps any two names apart, whatever they hold',
      withFabric(async (hub, _worker, all) => {
        const names = ['a.b', 'a', 'a.*', '>', '*', 'with space', 'line\r\nPUB x 0', 'ünï', 'a=2Eb', 'A', '$SYS', ''];
        const served = new Map<string, Fabric>();
        for (const name of names) {
          const fabric = await all.connect({ worker: name });
          await fabric.serve({ worker: name }, async body => bytes(`${name} heard ${text(body)}`));
          served.set(name, fabric);
        }
        await hub.serve({ hub: 'any' }, async (_body, from) => bytes(from));
        for (const [name, fabric] of served) {
          const answer = await hub.request({ worker: name }, bytes('it'), { timeoutMs: long });
          assert.equal(text(answer), `${name} heard it`);
          assert.equal(text(await fabric.request({ hub: 'any' }, bytes('x'), { timeoutMs: long })), name);
        }
      }),
    );

    it(
      'carries many large messages at once',
      withFabric(async (hub, worker) => {
        await worker.serve({ worker: 'w1' }, echo);
        const sent = Array.from({ length: 24 }, (_, i) => new Uint8Array(MAX_MESSAGE_BYTES - i).fill(i));
        const answers = await Promise.all(sent.map(body => hub.request({ worker: 'w1' }, body, { timeoutMs: long })));
        for (const [i, answer] of answers.entries()) assert.ok(Buffer.from(answer).equals(sent[i] ?? new Uint8Array()));
      }),
    );

    it(
      'lets a worker act only under its own name',
      withFabric(async (hub, worker) => {
        await assert.rejects(worker.serve({ worker: 'w2' }, echo), NotPermitted);
        await assert.rejects(worker.serve({ hub: 'any' }, echo), NotPermitted);
        await assert.rejects(worker.request({ worker: 'w2' }, bytes('x'), { timeoutMs: long }), NotPermitted);
        assert.throws(() => worker.publish('t.w2.task:1', bytes('x')), NotPermitted);
        await assert.rejects(
          worker.subscribe('t.w2.task:1', () => {}),
          NotPermitted,
        );
        await hub.serve({ hub: 'any' }, echo);
        assert.equal(text(await worker.request({ hub: 'any' }, bytes('x'), { timeoutMs: long })), 'x');
      }),
    );

    it(
      'fails what waits when it is closed, and everything asked of it later',
      withFabric(async (hub, worker) => {
        await worker.serve({ worker: 'w1' }, silent);
        const pending = hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long });
        const failed = assert.rejects(pending, /closed/);
        await hub.close();
        await failed;
        await assert.rejects(hub.request({ worker: 'w1' }, bytes('x'), { timeoutMs: long }), /closed/);
        await assert.rejects(hub.serve({ hub: 'any' }, echo), /closed/);
      }),
    );
  });
}
