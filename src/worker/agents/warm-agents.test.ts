import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { silentLog } from '../../log/log.ts';
import type { Driver, DriverHost, LiveAgent, OpenRequest } from './driver.ts';
import { WarmAgents } from './warm-agents.ts';

/** Says of each agent that it opens how it was had. */
function stage({ most = 2, hasMemory = true, canOpenWarm = true } = {}) {
  const ahead: { cwd: string; isClosed: boolean; exit(): void }[] = [];
  const live = (agentSessionId: string): LiveAgent => ({
    agentSessionId,
    prompt: () => assert.fail('not asked'),
    interrupt: async () => {},
    close: async () => {},
    exited: new Promise(() => {}),
  });
  const driver: Driver = {
    kind: 'puppet',
    describe: () => assert.fail('not asked'),
    open: async () => live('cold'),
    async warm({ cwd }) {
      const exited = Promise.withResolvers<{ code: number; signal: null }>();
      const one = { cwd, isClosed: false, exit: () => exited.resolve({ code: 0, signal: null }) };
      ahead.push(one);
      return {
        exited: exited.promise,
        open: async () => (canOpenWarm ? live('warm') : Promise.reject(new Error('it has ended'))),
        async close() {
          one.isClosed = true;
        },
      };
    },
  };
  const warm = new WarmAgents({ most, log: silentLog, hasMemory: () => hasMemory });
  const host: DriverHost = {
    emit: () => {},
    ask: () => assert.fail('nothing is asked'),
    spawned: async () => {},
  };
  const open = async (more: Partial<OpenRequest> = {}) => {
    const request = { sessionId: randomUUID(), cwd: '/a', permissionMode: 'default' as const, ...more };
    return (await warm.open(driver, { signal: new AbortController().signal, ...request }, host)).agentSessionId;
  };
  return { warm, open, ahead };
}

describe('agents that are started ahead', () => {
  it('serve the next new session of the same directory, model and mode, each one session', async () => {
    const { open, ahead, warm } = stage();
    assert.deepEqual([await open(), await open(), await open()], ['cold', 'warm', 'warm']);
    assert.equal(ahead.length, 3);
    assert.equal(warm.size, 1);
    assert.equal(await open({ model: 'm' }), 'cold');
    assert.equal(await open({ permissionMode: 'plan' }), 'cold');
    assert.equal(await open({ cwd: '/b' }), 'cold');
  });

  it('serve no session that goes on, and are not started for one', async () => {
    const { open, ahead } = stage();
    assert.equal(await open({ resume: 'r' }), 'cold');
    assert.equal(ahead.length, 0);
    await open();
    assert.equal(await open({ resume: 'r' }), 'cold');
  });

  it('are no more than may be: the oldest makes room', async () => {
    const { open, ahead, warm } = stage({ most: 1 });
    await open();
    await open({ cwd: '/b' });
    assert.equal(warm.size, 1);
    assert.equal(await open({ cwd: '/b' }), 'warm');
    assert.deepEqual(
      ahead.filter(({ cwd }) => cwd === '/a').map(({ isClosed }) => isClosed),
      [true],
    );
  });

  it('are none where none are wanted, or memory is short', async () => {
    for (const options of [{ most: 0 }, { hasMemory: false }]) {
      const { open, ahead } = stage(options);
      assert.deepEqual([await open(), await open()], ['cold', 'cold']);
      assert.equal(ahead.length, 0);
    }
  });

  it('that ended meanwhile, or cannot be used, are no reason for a session not to start', async () => {
    const failing = stage({ canOpenWarm: false });
    assert.deepEqual([await failing.open(), await failing.open()], ['cold', 'cold']);
    const ended = stage();
    await ended.open();
    ended.ahead[0]?.exit();
    await new Promise(resolve => setImmediate(resolve));
    assert.equal(ended.warm.size, 0);
    assert.equal(await ended.open(), 'cold');
  });

  it('end with the last session of the project, and with the worker', async () => {
    const { warm, open, ahead } = stage();
    await open();
    await open({ cwd: '/b' });
    await warm.release('puppet', '/a');
    assert.deepEqual(
      ahead.map(({ isClosed }) => isClosed),
      [true, false],
    );
    await warm.close();
    assert.ok(ahead.every(({ isClosed }) => isClosed));
    await open();
    assert.equal(warm.size, 0);
  });
});
