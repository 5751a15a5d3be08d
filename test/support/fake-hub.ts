import { localCaller } from '../../src/auth/caller.ts';
import type { Hub } from '../../src/hub/hub.ts';
import { silentLog } from '../../src/log/log.ts';
import type { InvokeCall } from '../../src/operations/invoke.ts';
import type { AuditRecord, TaskRecord, WorkspaceRecord } from '../../src/store/rows.ts';
import { memoryClientSessions } from './memory-client-sessions.ts';

type Parts = { readonly [Part in Exclude<keyof Hub, 'close'>]?: Partial<Hub[Part]> };

/** A hub of which only the given methods answer; any other call fails the test. For unit tests of operations alone. */
export function fakeHub(parts: Parts = {}): Hub & { readonly audited: Omit<AuditRecord, 'id' | 'time'>[] } {
  const audited: Omit<AuditRecord, 'id' | 'time'>[] = [];
  const unexpected = (method: string) => () => Promise.reject(new Error(`the test did not expect ${method}`));
  return {
    audited,
    workspaces: {
      create: unexpected('workspaces.create'),
      list: unexpected('workspaces.list'),
      get: unexpected('workspaces.get'),
      delete: unexpected('workspaces.delete'),
      setMetadata: unexpected('workspaces.setMetadata'),
      resolve: unexpected('workspaces.resolve'),
      connectionClosed: unexpected('workspaces.connectionClosed'),
      file: unexpected('workspaces.file'),
      ...parts.workspaces,
    },
    runs: { run: unexpected('runs.run'), registerRenderer: () => {}, ...parts.runs },
    tasks: {
      get: unexpected('tasks.get'),
      wait: unexpected('tasks.wait'),
      cancel: unexpected('tasks.cancel'),
      list: unexpected('tasks.list'),
      ...parts.tasks,
    },
    checkpoints: {
      create: unexpected('checkpoints.create'),
      restore: unexpected('checkpoints.restore'),
      fork: unexpected('checkpoints.fork'),
      ...parts.checkpoints,
    },
    artifacts: {
      list: unexpected('artifacts.list'),
      find: unexpected('artifacts.find'),
      read: unexpected('artifacts.read'),
      add: unexpected('artifacts.add'),
      ...parts.artifacts,
    },
    events: {
      append: unexpected('events.append'),
      read: unexpected('events.read'),
      follow: async function* () {},
      ...parts.events,
    },
    audit: {
      admit: () => {},
      record: async entry => {
        audited.push(entry);
      },
      note: entry => {
        audited.push(entry);
      },
      list: async () => ({ rows: [], nextCursor: null }),
      verify: unexpected('audit.verify'),
      ...parts.audit,
    },
    idempotency: { once: (_key, work) => work(), ...parts.idempotency },
    lanes: { take: () => ({ reached: async () => {}, done: () => {} }), ...parts.lanes },
    workers: {
      list: unexpected('workers.list'),
      views: unexpected('workers.views'),
      waiting: unexpected('workers.waiting'),
      drain: unexpected('workers.drain'),
      remove: unexpected('workers.remove'),
      ...parts.workers,
    },
    clientSessions: { ...memoryClientSessions(), ...parts.clientSessions },
    get sessions(): never {
      throw new Error('the test did not expect sessions');
    },
    get fleet(): never {
      throw new Error('the test did not expect the fleet');
    },
    get codegen(): never {
      throw new Error('the test did not expect codegen');
    },
    health: {
      look: unexpected('health.look'),
      details: unexpected('health.details'),
      ...parts.health,
    },
    apiTokens: {
      create: unexpected('apiTokens.create'),
      list: unexpected('apiTokens.list'),
      revoke: unexpected('apiTokens.revoke'),
      callerOf: async () => 'unknown',
      onRevoked: () => {},
      ...parts.apiTokens,
    },
    get shares(): never {
      throw new Error('the test did not expect shares');
    },
    limits: { enter: () => () => {} },
    peers: { hasOthers: false, tell: () => {}, ask: async () => [], hear: () => {}, ...parts.peers },
    close: async () => {},
  };
}

export function fakeCall(hub: Hub, more: Partial<InvokeCall> = {}): InvokeCall {
  return {
    hub,
    caller: localCaller,
    signal: new AbortController().signal,
    requestId: 'req_1',
    wantsTask: false,
    report: () => {},
    surface: 'mcp',
    log: silentLog,
    ...more,
  };
}

export function workspaceRecord(more: Partial<WorkspaceRecord> = {}): WorkspaceRecord {
  return {
    id: 'ws_abcdefghijklmnopqrstuvwx',
    caller: 'local',
    name: 'demo',
    state: 'ready',
    worker: 'wk_1',
    epoch: 1,
    generation: 2,
    connection: null,
    engine: 'bubblewrap',
    image: null,
    spec: { limits: { wall_seconds: 3600 } },
    metadata: {},
    ttlSeconds: 3600,
    createdAt: 0,
    lastActivityAt: 1500,
    expiresAt: 3_601_500,
    ...more,
  };
}

export function taskRecord(more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: '0b9ce0b4-6d0e-4c53-8f3b-111111111111',
    caller: 'local',
    toolset: 'sandbox',
    operation: 'run_python',
    workspaceId: 'ws_abcdefghijklmnopqrstuvwx',
    status: 'queued',
    sequence: 3,
    worker: 'wk_1',
    epoch: 1,
    job: null,
    progress: null,
    result: null,
    error: null,
    attempts: 0,
    createdAt: 0,
    startedAt: null,
    completedAt: null,
    ...more,
  };
}
