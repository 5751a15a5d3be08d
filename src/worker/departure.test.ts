import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../log/log.ts';
import { emptied } from './departure.ts';

/** A worker of which each word to the hubs changes what is on it. */
function leaving({ workspaces, active = 0, others = 1 }: { workspaces: number; active?: number; others?: number }) {
  const state = { size: workspaces, active };
  const said: unknown[] = [];
  const change = async (word: unknown) => {
    said.push(word);
    if (state.active > 0) state.active -= 1;
    else if (others > 0) state.size -= 1;
    return { isLive: true, others };
  };
  return { state, said, parts: { membership: { change }, workspaces: state, log: silentLog } };
}

test('a worker leaves when its runs have finished and its workspaces are elsewhere', async () => {
  const { state, said, parts } = leaving({ workspaces: 1, active: 1 });
  await emptied(parts, { seconds: 60 });
  assert.equal(state.size, 0);
  assert.deepEqual(said, Array(2).fill({ isDraining: true }));
});

test('a worker whose workspaces can go nowhere leaves when nothing runs', async () => {
  const { state, said, parts } = leaving({ workspaces: 2, active: 1, others: 0 });
  await emptied(parts, { seconds: 60 });
  assert.deepEqual([state.size, said.length], [2, 1]);
});

test('a worker that no hub hears leaves when nothing runs', async () => {
  const { state, parts } = leaving({ workspaces: 1 });
  const change = () => Promise.reject(new Error('nobody there'));
  await emptied({ ...parts, membership: { change } }, { seconds: 60 });
  assert.equal(state.size, 1);
});

test('a worker with nothing on it, or no time, says nothing', async () => {
  for (const [workspaces, seconds] of [
    [0, 60],
    [3, 0],
  ] as const) {
    const { said, parts } = leaving({ workspaces });
    await emptied(parts, { seconds });
    assert.equal(said.length, 0);
  }
});

test('a worker waits for what runs no longer than it is allowed', async () => {
  const { state, parts } = leaving({ workspaces: 1, active: 1_000 });
  await emptied(parts, { seconds: 0.3 });
  assert.equal(state.size, 1);
});
