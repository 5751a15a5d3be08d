import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { silentLog } from '../log/log.ts';
import type { AuditStore } from '../store/audit/store.ts';
import { AuditTrail } from './audit.ts';

const entry = (operation: string) => ({
  caller: 'local',
  operation,
  handles: {},
  outcome: 'ok',
  durationMs: 1,
  details: {},
});

/** Keeps the operations of each transaction, and holds a transaction up until it is let go. */
function heldStore() {
  const written: string[][] = [];
  let gate = Promise.withResolvers<void>();
  const store: AuditStore = {
    append: async records => {
      written.push(records.map(({ operation }) => operation));
      await gate.promise;
    },
    list: async () => ({ rows: [], nextCursor: null }),
    verify: async () => ({ records: 0, brokenAt: null }),
    prune: async () => 0,
  };
  const letGo = () => {
    gate.resolve();
    gate = Promise.withResolvers();
  };
  return { store, written, letGo };
}

const MOMENT_MS = 25;
/** All that can happen before the next timer has. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
};
const aMomentLater = async () => {
  mock.timers.tick(MOMENT_MS);
  await settled();
};

describe('audit trail', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('leaves what is noted while others are written for a moment of its own', async () => {
    const { store, written, letGo } = heldStore();
    const audit = new AuditTrail(store, silentLog);
    audit.note(entry('first'));
    await aMomentLater();
    assert.deepEqual(written, [['first']]);
    audit.note(entry('second'));
    letGo();
    await settled();
    assert.deepEqual(written, [['first']]);
    audit.note(entry('third'));
    await aMomentLater();
    letGo();
    assert.deepEqual(written, [['first'], ['second', 'third']]);
  });

  it('writes what somebody waits for at once, with what was noted before it', async () => {
    const { store, written, letGo } = heldStore();
    const audit = new AuditTrail(store, silentLog);
    const first = audit.record(entry('first'));
    await settled();
    audit.note(entry('noted'));
    const second = audit.record(entry('second'));
    letGo();
    await first;
    await settled();
    assert.deepEqual(written, [['first'], ['noted', 'second']]);
    letGo();
    await second;
  });

  it('has written all that was noted before it is asked for records', async () => {
    const { store, written, letGo } = heldStore();
    const audit = new AuditTrail(store, silentLog);
    audit.note(entry('first'));
    await aMomentLater();
    audit.note(entry('second'));
    const listed = audit.list({ limit: 1 });
    letGo();
    await settled();
    assert.deepEqual(written, [['first'], ['second']]);
    letGo();
    await listed;
  });
});
