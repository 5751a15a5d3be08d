import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentStatus } from '../../providers/provider.ts';
import { capacity, changes, type Look } from './fleet-events.ts';

const look = (...agents: readonly (readonly [string, AgentStatus])[]): Look =>
  Object.fromEntries(agents.map(([id, status]) => [id, { status, name: null }]));

const told = (from: AgentStatus | undefined, to: AgentStatus | undefined) =>
  changes('coder', {
    before: from === undefined ? {} : look(['a', from]),
    now: to === undefined ? {} : look(['a', to]),
  }).map(({ type, body }) => [type, body.severity]);

test('each change is told as one event of its kind', () => {
  for (const [from, to, ...expected] of [
    [undefined, 'idle', 'agent_connected', 'info'],
    ['offline', 'idle', 'agent_connected', 'info'],
    ['idle', 'offline', 'agent_disconnected', 'warning'],
    ['idle', undefined, 'agent_disconnected', 'warning'],
    ['busy', 'idle', 'task_completed', 'info'],
    ['busy', 'error', 'task_failed', 'warning'],
    ['idle', 'error', 'agent_failure', 'critical'],
    ['offline', 'error', 'agent_failure', 'critical'],
  ] as const)
    assert.deepEqual(told(from, to), [expected], `${from} to ${to}`);
});

test('what is no news is not told', () => {
  for (const [from, to] of [
    ['busy', 'busy'],
    ['idle', 'busy'],
    ['running', 'idle'],
    ['busy', 'stopped'],
    [undefined, 'offline'],
  ] as const)
    assert.deepEqual(told(from, to), [], `${from} to ${to}`);
});

test('a full fleet is warned of once, and again only after it was less full by a tenth', () => {
  const fleet = (busy: number) =>
    look(...Array.from({ length: 10 }, (_, at) => [`${at}`, at < busy ? 'busy' : 'idle'] as const));
  let isOver = false;
  const warned = [8, 9, 10, 9, 8, 9, 7, 9].map(busy => {
    const now = capacity([fleet(busy)], { threshold: 0.9, isOver });
    isOver = now.isOver;
    return now.events.length;
  });
  assert.deepEqual(warned, [0, 1, 0, 0, 0, 0, 0, 1]);
});

test('an empty fleet is not full', () => {
  assert.deepEqual(capacity([{}], { threshold: 0.9, isOver: false }), { isOver: false, events: [] });
});
