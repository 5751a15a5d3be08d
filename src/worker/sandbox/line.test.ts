import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type EntryKind, Line, type Place } from './line.ts';

/** Work whose begin and end the test decides. */
function controlled(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begin = () => {};
  const work = (begun: () => void) => {
    log.push(`start ${name}`);
    begin = begun;
    return promise;
  };
  return { work, begin: () => begin(), end: resolve };
}

const settle = () => new Promise(resolve => setImmediate(resolve));

describe('line', () => {
  it('numbers what it accepts from the last sequence on', () => {
    const line = new Line({ lastSequence: 7 });
    const log: string[] = [];
    assert.equal(line.accept('job', controlled(log, 'a').work).sequence, 8);
    assert.equal(line.accept('gate', controlled(log, 'b').work).sequence, 9);
  });

  it('starts at once what may start', () => {
    const log: string[] = [];
    new Line({ lastSequence: 0 }).accept('job', controlled(log, 'a').work);
    assert.deepEqual(log, ['start a']);
  });

  it('runs jobs one at a time', async () => {
    const line = new Line({ lastSequence: 0 });
    const log: string[] = [];
    const [first, second] = [controlled(log, 'a'), controlled(log, 'b')];
    line.accept('job', first.work);
    line.accept('job', second.work);
    first.begin();
    assert.deepEqual(log, ['start a']);
    first.end();
    await settle();
    assert.deepEqual(log, ['start a', 'start b']);
  });

  it('holds a gate until the job before it has begun, not until it has ended', () => {
    const line = new Line({ lastSequence: 0 });
    const log: string[] = [];
    const job = controlled(log, 'job');
    line.accept('job', job.work);
    line.accept('gate', controlled(log, 'gate').work);
    assert.deepEqual(log, ['start job']);
    job.begin();
    assert.deepEqual(log, ['start job', 'start gate']);
  });

  it('holds a job until the gates before it have ended', async () => {
    const line = new Line({ lastSequence: 0 });
    const log: string[] = [];
    const gate = controlled(log, 'gate');
    line.accept('gate', gate.work);
    line.accept('job', controlled(log, 'job').work);
    assert.deepEqual(log, ['start gate']);
    gate.end();
    await settle();
    assert.deepEqual(log, ['start gate', 'start job']);
  });

  it('never starts what was withdrawn and lets go on what waited behind it', () => {
    const line = new Line({ lastSequence: 0 });
    const log: string[] = [];
    const running = controlled(log, 'running');
    line.accept('job', running.work);
    running.begin();
    const queued = line.accept('job', controlled(log, 'queued').work);
    line.accept('gate', controlled(log, 'gate').work);
    assert.equal(queued.withdraw(), true);
    assert.deepEqual(log, ['start running', 'start gate']);
    assert.equal(queued.withdraw(), false);
  });

  it('keeps its order whatever is accepted, begun, ended and withdrawn', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('accept' as const), kind: fc.constantFrom<EntryKind>('job', 'gate') }),
      fc.record({ do: fc.constantFrom('begin' as const, 'end' as const, 'withdraw' as const), pick: fc.nat(1000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const line = new Line({ lastSequence: 0 });
        const entries: Recorded[] = [];
        for (const each of steps) {
          if (each.do === 'accept') accept(line, entries, each.kind);
          else act(entries, each.do, each.pick);
          await settle();
          checkOrder(entries);
        }
        // Whatever can end, ends: then nothing may be left behind.
        for (const entry of entries) {
          entry.end();
          await settle();
        }
        checkOrder(entries);
        assert.ok(entries.every(entry => entry.isStarted || entry.isWithdrawn));
        assert.ok(line.isIdle);
      }),
      { numRuns: 150 },
    );
  });
});

interface Recorded {
  readonly kind: EntryKind;
  readonly place: () => Place;
  isStarted: boolean;
  hasBegun: boolean;
  isEnded: boolean;
  isWithdrawn: boolean;
  begin(): void;
  end(): void;
}

function accept(line: Line, entries: Recorded[], kind: EntryKind): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begin = () => {};
  let place: Place | undefined;
  const entry: Recorded = {
    kind,
    isStarted: false,
    hasBegun: false,
    isEnded: false,
    isWithdrawn: false,
    place: () => place ?? assert.fail('accept has not returned'),
    begin: () => {
      if (!entry.isStarted) return;
      entry.hasBegun = true;
      begin();
    },
    end: () => {
      if (!entry.isStarted) return;
      entry.isEnded = true;
      resolve();
    },
  };
  entries.push(entry);
  place = line.accept(kind, begun => {
    checkStart(entries, entry);
    entry.isStarted = true;
    begin = begun;
    return promise;
  });
  assert.equal(place.sequence, entries.length);
}

function act(entries: Recorded[], what: 'begin' | 'end' | 'withdraw', pick: number): void {
  const entry = entries[pick % Math.max(1, entries.length)];
  if (entry === undefined) return;
  if (what === 'begin') entry.begin();
  if (what === 'end') entry.end();
  if (what !== 'withdraw') return;
  // Marked before, because a withdrawal starts at once what it held back.
  const wasWithdrawn = entry.isWithdrawn;
  entry.isWithdrawn = !entry.isStarted;
  assert.equal(entry.place().withdraw(), !entry.isStarted && !wasWithdrawn);
}

function checkStart(entries: Recorded[], entry: Recorded): void {
  assert.equal(entry.isWithdrawn, false);
  for (const earlier of entries.slice(0, entries.indexOf(entry))) {
    if (earlier.isWithdrawn || earlier.isEnded) continue;
    assert.ok(earlier.isStarted, 'everything accepted earlier has started');
    if (earlier.kind === 'job') assert.ok(earlier.hasBegun, 'a job accepted earlier has begun');
    if (entry.kind === 'job') assert.fail('a job starts beside nothing accepted earlier');
  }
}

function checkOrder(entries: Recorded[]): void {
  const running = entries.filter(entry => entry.kind === 'job' && entry.isStarted && !entry.isEnded);
  assert.ok(running.length <= 1, 'one job at a time');
}
