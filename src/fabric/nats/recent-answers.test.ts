import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RecentAnswers } from './recent-answers.ts';

const answer = (subject: string, size: number) => ({ subject, frame: new Uint8Array(size) });

it('the oldest answers make room, small ones too', () => {
  const recent = new RecentAnswers(2_500);
  for (const key of ['a', 'b', 'c']) recent.add(key, answer(key, 4), { isSent: true });
  assert.deepEqual(
    ['a', 'b', 'c'].map(key => recent.get(key)?.subject),
    [undefined, 'b', 'c'],
  );
});

it('one that is larger than all the room is not kept', () => {
  const recent = new RecentAnswers(1_000);
  recent.add('a', answer('a', 1_001), { isSent: false });
  assert.equal(recent.get('a'), undefined);
  assert.deepEqual(recent.takeUnsent(), []);
});

it('what was not sent is given out once, and can still be asked for', () => {
  const recent = new RecentAnswers(10_000);
  recent.add('a', answer('a', 1), { isSent: false });
  recent.add('b', answer('b', 1), { isSent: true });
  recent.add('c', answer('c', 1), { isSent: false });
  assert.deepEqual(
    recent.takeUnsent().map(({ subject }) => subject),
    ['a', 'c'],
  );
  assert.deepEqual(recent.takeUnsent(), []);
  assert.equal(recent.get('a')?.subject, 'a');
});
