import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { agentStatuses, type AgentStatus } from '../provider.ts';
import { capabilitiesOfChat, isWaitingForPerson, statusOfChat } from './chat-status.ts';
import { capabilitiesOfTask, isConnected, statusOfTask, type TaskFacts } from './task-status.ts';

const documentSchema = z.object({
  definitions: z.record(z.string(), z.looseObject({ enum: z.array(z.string()).optional() })),
});
const path = new URL('../../../api/coder.swagger.json', import.meta.url);
const { definitions } = documentSchema.parse(JSON.parse(await readFile(path, 'utf8')));
const wordsOf = (name: string): string[] => definitions[`codersdk.${name}`]?.enum ?? [];

/** A task at work in a workspace that is well. */
const healthy: TaskFacts = {
  status: 'active',
  state: 'working',
  workspaceStatus: 'running',
  lifecycle: 'ready',
  healthy: true,
  hasAgent: true,
  hasWorkspace: true,
};

type Words = Readonly<Record<string, AgentStatus>>;

/** What each word of the API document means, all else being well. */
const meaning: Readonly<Record<'status' | 'state' | 'workspaceStatus' | 'lifecycle', { name: string; words: Words }>> =
  {
    status: {
      name: 'TaskStatus',
      words: {
        pending: 'running',
        initializing: 'running',
        active: 'busy',
        paused: 'stopped',
        unknown: 'offline',
        error: 'error',
      },
    },
    state: { name: 'TaskState', words: { working: 'busy', idle: 'idle', complete: 'idle', failed: 'error' } },
    workspaceStatus: {
      name: 'WorkspaceStatus',
      words: {
        pending: 'running',
        starting: 'running',
        running: 'busy',
        stopping: 'stopped',
        stopped: 'stopped',
        failed: 'error',
        canceling: 'stopped',
        canceled: 'stopped',
        deleting: 'stopped',
        deleted: 'stopped',
      },
    },
    lifecycle: {
      name: 'WorkspaceAgentLifecycle',
      words: {
        created: 'running',
        starting: 'running',
        start_timeout: 'busy',
        start_error: 'error',
        ready: 'busy',
        shutting_down: 'stopped',
        shutdown_timeout: 'stopped',
        shutdown_error: 'stopped',
        off: 'stopped',
      },
    },
  };

/** The words of a workspace that older servers give as those of a task. */
const olderStatuses: Words = {
  pending: 'running',
  starting: 'running',
  running: 'busy',
  stopping: 'stopped',
  stopped: 'stopped',
  failed: 'error',
  canceling: 'stopped',
  canceled: 'stopped',
  deleting: 'stopped',
  deleted: 'stopped',
};

describe('status of a task', () => {
  for (const [field, { name, words }] of Object.entries(meaning)) {
    test(`every ${name} of the API document has its meaning`, () => {
      assert.deepEqual(Object.keys(words).sort(), wordsOf(name).sort());
      for (const [word, status] of Object.entries(words))
        assert.equal(statusOfTask({ ...healthy, [field]: word }), status, `${field} ${word}`);
    });
  }

  test('an older server gives the status of the workspace as that of the task', () => {
    assert.deepEqual(Object.keys(olderStatuses).sort(), wordsOf('WorkspaceStatus').sort());
    for (const [word, status] of Object.entries(olderStatuses))
      assert.equal(statusOfTask({ ...healthy, status: word, workspaceStatus: null }), status, word);
  });

  test('in every combination of known words, the first rule that fits decides', () => {
    const product = combinations();
    assert.ok(product.length > 10_000);
    for (const facts of product) {
      const expected = byTable(facts);
      assert.equal(statusOfTask(facts), expected, JSON.stringify(facts));
      assert.ok(agentStatuses.includes(expected));
    }
  });

  test('an agent that is not healthy, or not there, is offline', () => {
    assert.equal(statusOfTask({ ...healthy, healthy: false }), 'offline');
    assert.equal(statusOfTask({ ...healthy, hasAgent: false }), 'offline');
    assert.equal(statusOfTask({ ...healthy, status: 'running', hasAgent: false }), 'offline');
  });

  test('an agent that has said nothing of itself is running', () => {
    assert.equal(statusOfTask({ ...healthy, state: null }), 'running');
    assert.equal(statusOfTask({ ...healthy, status: 'running', state: null }), 'running');
  });

  test('words that nobody knows are offline', () => {
    assert.equal(statusOfTask({ ...healthy, status: 'hibernating', state: null }), 'offline');
    assert.equal(statusOfTask({ ...healthy, state: 'pondering' }), 'offline');
  });

  test('only a healthy agent that is past its start is connected', () => {
    for (const lifecycle of [...wordsOf('WorkspaceAgentLifecycle'), null]) {
      const usable = lifecycle === 'ready' || lifecycle === 'start_timeout';
      assert.equal(isConnected({ healthy: true, lifecycle }), usable, String(lifecycle));
      assert.equal(isConnected({ healthy: false, lifecycle }), false);
      assert.equal(isConnected({ healthy: null, lifecycle }), false);
    }
  });

  test('what can be asked of a task follows from where it is', () => {
    const of = (more: Partial<TaskFacts>) => capabilitiesOfTask({ ...healthy, ...more });
    assert.deepEqual(of({}), ['logs', 'send_input', 'delete', 'pause']);
    assert.deepEqual(of({ status: 'paused' }), ['logs', 'send_input', 'delete', 'resume']);
    assert.deepEqual(of({ workspaceStatus: 'deleting' }), ['logs']);
    assert.deepEqual(of({ status: 'error' }), ['logs', 'delete']);
    assert.deepEqual(of({ status: 'pending', lifecycle: null }), ['send_input', 'delete', 'pause']);
    assert.deepEqual(of({ hasWorkspace: false }), ['logs', 'send_input']);
  });
});

test('every status of a chat in the API document has its meaning', () => {
  const words: Words = {
    waiting: 'idle',
    completed: 'idle',
    pending: 'busy',
    running: 'busy',
    interrupting: 'busy',
    requires_action: 'busy',
    paused: 'stopped',
    error: 'error',
  };
  assert.deepEqual(Object.keys(words).sort(), wordsOf('ChatStatus').sort());
  for (const [status, expected] of Object.entries(words)) {
    assert.equal(statusOfChat({ status, archived: false, hasWorkspace: true }), expected, status);
    assert.equal(statusOfChat({ status, archived: true, hasWorkspace: true }), 'stopped', status);
  }
  assert.equal(statusOfChat({ status: 'toString', archived: false, hasWorkspace: true }), 'offline');
});

test('a chat that requires action waits for a person', () => {
  const chat = { status: 'requires_action', archived: false, hasWorkspace: true };
  assert.equal(isWaitingForPerson(chat), true);
  assert.equal(isWaitingForPerson({ ...chat, status: 'running' }), false);
});

test('a paused chat goes on with its next message, an archived one never', () => {
  const chat = { status: 'paused', archived: false, hasWorkspace: true };
  assert.deepEqual(capabilitiesOfChat(chat), ['logs', 'send_input', 'delete']);
  assert.deepEqual(capabilitiesOfChat({ ...chat, archived: true }), ['logs']);
  assert.deepEqual(capabilitiesOfChat({ ...chat, status: 'running' }), [
    'logs',
    'send_input',
    'delete',
    'pause',
    'interrupt',
  ]);
});

function combinations(): TaskFacts[] {
  const statuses = [...new Set([...wordsOf('TaskStatus'), ...wordsOf('WorkspaceStatus')])];
  const all: TaskFacts[] = [];
  for (const status of statuses)
    for (const state of [...wordsOf('TaskState'), null])
      for (const workspaceStatus of [...wordsOf('WorkspaceStatus'), null])
        for (const lifecycle of [...wordsOf('WorkspaceAgentLifecycle'), null])
          for (const isHealthy of [true, false, null])
            for (const hasAgent of [true, false])
              all.push({ status, state, workspaceStatus, lifecycle, healthy: isHealthy, hasAgent, hasWorkspace: true });
  return all;
}

/** The rules as a table of words: field, words, status. */
const RULES: readonly (readonly [keyof TaskFacts, string, AgentStatus])[] = [
  ['status', 'error failed', 'error'],
  ['workspaceStatus', 'failed', 'error'],
  ['lifecycle', 'start_error', 'error'],
  ['status', 'paused stopped stopping canceling canceled deleting deleted', 'stopped'],
  ['workspaceStatus', 'stopped stopping canceling canceled deleting deleted', 'stopped'],
  ['lifecycle', 'off shutting_down shutdown_timeout shutdown_error', 'stopped'],
  ['status', 'pending initializing starting', 'running'],
  ['workspaceStatus', 'pending starting', 'running'],
  ['lifecycle', 'created starting', 'running'],
  ['healthy', 'false', 'offline'],
  ['status', 'unknown', 'offline'],
  ['hasAgent', 'false', 'offline'],
  ['state', 'working', 'busy'],
  ['state', 'idle complete', 'idle'],
  ['state', 'failed', 'error'],
  ['status', 'active running', 'running'],
];

const byTable = (facts: TaskFacts): AgentStatus =>
  RULES.find(([field, words]) => words.split(' ').includes(String(facts[field])))?.[2] ?? 'offline';
