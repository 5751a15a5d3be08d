import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentSessionRecord, SessionState } from '../../store/agents/rows.ts';
import { localAgent } from './local-agents.ts';

const record: AgentSessionRecord = {
  ...{ id: 's', caller: 'alice', agent: 'scripted', agentSessionId: 'a', worker: 'w', epoch: 1, workspaceId: null },
  ...{ slug: '-p', cwd: '/p', title: '', model: null, permissionMode: 'default', status: 'idle', statusReason: null },
  ...{ parentId: null, forkedFrom: null, atMessageId: null, usage: {}, messageCount: 0, metadata: {}, reported: 0 },
  ...{ createdAt: 1, updatedAt: 2, lastMessageAt: null },
};
const agentIn = (status: SessionState, more: Partial<AgentSessionRecord> = {}, workers = ['w']) =>
  localAgent(
    {
      ...{ workerId: 'w', record: { ...record, status, ...more }, past: undefined, openIn: undefined },
      ...{ caller: 'alice', initialPrompt: null },
    },
    new Set(workers),
  );

test('each state of a session has its status, and without its worker’s lease one that is driven is offline', () => {
  const told = {
    starting: ['running', 'offline'],
    running: ['busy', 'offline'],
    waiting_permission: ['busy', 'offline'],
    idle: ['idle', 'offline'],
    failed: ['error', 'error'],
    parked: ['stopped', 'stopped'],
    closed: ['stopped', 'stopped'],
  } as const;
  const states: readonly Exclude<SessionState, 'mirror'>[] = [
    ...(['starting', 'running', 'waiting_permission', 'idle', 'failed', 'parked', 'closed'] as const),
  ];
  for (const state of states)
    assert.deepEqual([agentIn(state).status, agentIn(state, {}, []).status], told[state], state);
});

test('a session in a sandbox has its workspace, any other is its own', () => {
  assert.equal(agentIn('idle').workspaceId, 's');
  assert.equal(agentIn('idle', { workspaceId: 'ws_1' }).workspaceId, 'ws_1');
});

test('times that are not known are null', () => {
  const { createdAt, updatedAt, lastActivityAt } = agentIn('idle', { createdAt: 0 });
  assert.deepEqual([createdAt, updatedAt, lastActivityAt], [null, '1970-01-01T00:00:00.002Z', null]);
});
