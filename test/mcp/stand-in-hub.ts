import { randomUUID } from 'node:crypto';
import { AppError } from '../../src/errors/app-error.ts';
import type { Hub, WorkerView, WorkspaceView } from '../../src/hub/hub.ts';
import { LaneBook } from '../../src/hub/lanes.ts';
import type { ArtifactRecord, EventRecord, TaskRecord, WorkerRecord, WorkspaceRecord } from '../../src/store/rows.ts';
import { memoryClientSessions } from '../support/memory-client-sessions.ts';

/** A hub that keeps everything in memory and runs nothing: the surfaces are what is tested here. */
export interface StandInHub extends Hub {
  readonly closedConnections: string[];
  readonly taskRows: Map<string, TaskRecord>;
  readonly artifactRows: Map<string, { record: ArtifactRecord; bytes: Buffer }>;
  append(stream: string, type: string): void;
}

const notFound = (code: 'WORKSPACE_NOT_FOUND' | 'TASK_NOT_FOUND' | 'ARTIFACT_NOT_FOUND', what: string, id: string) =>
  new AppError(code, `${what} not found: ${id}`);

export function standInHub(): StandInHub {
  const closedConnections: string[] = [];
  const taskRows = new Map<string, TaskRecord>();
  const artifactRows = new Map<string, { record: ArtifactRecord; bytes: Buffer }>();
  const workspaces = new Map<string, WorkspaceRecord>();
  const streams = new Map<string, EventRecord[]>();
  const wakers = new Set<() => void>();
  const workers: WorkerRecord[] = [workerRow('wk_one')];
  const elsewhere = (): never => {
    throw new Error('the stand-in hub does not do this');
  };
  const owned = (id: string, callerId: string): WorkspaceRecord => {
    const found = workspaces.get(id);
    if (found?.caller !== callerId) throw notFound('WORKSPACE_NOT_FOUND', 'Workspace', id);
    return found;
  };
  const make = (caller: string, connection: string | null): WorkspaceRecord => {
    const row = workspaceRow(caller, connection);
    workspaces.set(row.id, row);
    return row;
  };
  return {
    closedConnections,
    taskRows,
    artifactRows,
    append(stream, type) {
      const events = streams.get(stream) ?? [];
      streams.set(stream, events);
      events.push({ stream, seq: events.length + 1, epoch: 0, type, body: { n: events.length + 1 }, time: Date.now() });
      for (const wake of wakers) wake();
    },
    workspaces: {
      create: async (_request, call) => viewOf(make(call.caller.id, null)),
      list: async (_query, caller) => {
        const rows = [...workspaces.values()].filter(row => row.caller === caller.id).map(viewOf);
        return { rows, nextCursor: null, total: rows.length };
      },
      get: async (id, caller) => ({
        ...viewOf(owned(id, caller.id)),
        usage: null,
        contexts: [],
        checkpoints: [],
        recentTasks: [],
      }),
      async delete(id, caller) {
        workspaces.delete(owned(id, caller.id).id);
      },
      async setMetadata(id, metadata, { replace, caller }) {
        const row = owned(id, caller.id);
        const next = { ...row, metadata: replace ? metadata : { ...row.metadata, ...metadata } };
        workspaces.set(id, next);
        return viewOf(next);
      },
      async resolve(id, call, { mayCreate, tool }) {
        if (id !== undefined) return owned(id, call.caller.id);
        const key = call.connection?.id ?? null;
        const isOwn = (row: WorkspaceRecord) => row.caller === call.caller.id && row.connection === key;
        const found = key === null ? undefined : [...workspaces.values()].find(isOwn);
        if (found) return found;
        if (key === null && !mayCreate)
          throw new AppError('WORKSPACE_REQUIRED', `workspace_id is required for ${tool}`);
        return make(call.caller.id, key);
      },
      async connectionClosed(connection) {
        closedConnections.push(connection.id);
      },
      file: elsewhere,
    },
    runs: { run: elsewhere, registerRenderer: () => {} },
    tasks: {
      async get(id, caller) {
        const found = taskRows.get(id);
        if (found?.caller !== caller.id) throw notFound('TASK_NOT_FOUND', 'Task', id);
        return found;
      },
      async wait(id) {
        return taskRows.get(id) ?? elsewhere();
      },
      async cancel(id, _reason, caller) {
        const task = taskRows.get(id);
        if (task?.caller !== caller.id) throw notFound('TASK_NOT_FOUND', 'Task', id);
        const isOpen = task.status === 'queued' || task.status === 'running';
        const ended: TaskRecord = isOpen ? { ...task, status: 'cancelled', completedAt: Date.now() } : task;
        taskRows.set(id, ended);
        return { cancelled: isOpen, task: ended };
      },
      list: async (_query, caller) => ({
        rows: [...taskRows.values()].filter(task => task.caller === caller.id),
        nextCursor: null,
      }),
    },
    checkpoints: { create: elsewhere, restore: elsewhere, fork: elsewhere },
    artifacts: {
      list: async () => ({ rows: [...artifactRows.values()].map(({ record }) => record), nextCursor: null }),
      async find(id, _workspaceId, call) {
        const found = artifactRows.get(id)?.record;
        if (found?.caller !== call.caller.id) throw notFound('ARTIFACT_NOT_FOUND', 'Artifact', id);
        return found;
      },
      async read(artifact, { start, end }) {
        return artifactRows.get(artifact.id)?.bytes.subarray(start, end) ?? elsewhere();
      },
      async add(workspace, content, options, call) {
        if (!('bytes' in content)) return elsewhere();
        const record: ArtifactRecord = {
          id: options.artifactId ?? `art_${'0'.repeat(24)}`,
          caller: call.caller.id,
          workspaceId: workspace.id,
          taskId: null,
          name: content.name,
          path: `artifacts/${content.name}`,
          sizeBytes: content.bytes.length,
          contentType: options.contentType ?? 'application/octet-stream',
          sha256: 'a'.repeat(64),
          labels: options.labels,
          createdAt: Date.now(),
          expiresAt: null,
        };
        artifactRows.set(record.id, { record, bytes: content.bytes });
        return record;
      },
    },
    events: {
      append: elsewhere,
      read: elsewhere,
      async *follow(stream, { after, signal }) {
        let cursor = after;
        while (!signal.aborted) {
          const next = streams.get(stream)?.find(event => event.seq > cursor);
          if (next) {
            cursor = next.seq;
            yield next;
          } else {
            const { promise, resolve } = Promise.withResolvers<void>();
            wakers.add(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
            await promise;
            wakers.delete(resolve);
          }
        }
      },
    },
    audit: {
      admit: () => {},
      record: async () => {},
      note: () => {},
      list: async () => ({ rows: [], nextCursor: null }),
      verify: async () => ({ records: 0, brokenAt: null }),
    },
    idempotency: { once: async (_key, work) => work() },
    lanes: new LaneBook(),
    workers: {
      list: async () => workers,
      views: async () => workers.map(viewOfWorker),
      waiting: async () => 0,
      drain: async () => {},
      remove: async id => {
        const at = workers.findIndex(worker => worker.id === id);
        if (at >= 0) workers.splice(at, 1);
      },
    },
    clientSessions: memoryClientSessions(),
    get shares(): never {
      return elsewhere();
    },
    limits: { enter: () => () => {} },
    get fleet(): never {
      throw new Error('there are no agents of others here');
    },
    get codegen(): never {
      throw new Error('the stand-in has no runs of Codegen');
    },
    get sessions(): never {
      throw new Error('there are no sessions with agents here');
    },
    health: { look: async () => elsewhere(), details: async () => elsewhere() },
    apiTokens: {
      create: async () => elsewhere(),
      list: async () => [],
      revoke: async () => elsewhere(),
      callerOf: async () => 'unknown',
      onRevoked: () => {},
    },
    peers: { hasOthers: false, tell: () => {}, ask: async () => [], hear: () => {} },
    close: async () => {},
  };
}

function workspaceRow(caller: string, connection: string | null): WorkspaceRecord {
  const now = Date.now();
  return {
    id: `ws_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
    caller,
    name: 'stand-in',
    state: 'ready',
    worker: 'wk_one',
    epoch: 1,
    generation: 1,
    connection,
    engine: 'none',
    image: null,
    spec: {},
    metadata: {},
    ttlSeconds: 3600,
    createdAt: now,
    lastActivityAt: now,
    expiresAt: now + 3_600_000,
  };
}

function viewOf(record: WorkspaceRecord): WorkspaceView {
  const limit = { value: 1, enforcement: 'none' } as const;
  const limits = {
    memory_mb: limit,
    cpus: limit,
    pids: limit,
    disk_mb: limit,
    wall_seconds: limit,
    output_mb: limit,
  };
  return { record, network: 'off', limits, activeTasks: 0, lastCheckpointId: null };
}

const viewOfWorker = (record: WorkerRecord): WorkerView => ({
  record,
  state: 'live',
  used: 1,
  lastHeardAt: record.joinedAt,
  leaseLeftSeconds: 15,
});

function workerRow(id: string): WorkerRecord {
  const now = Date.now();
  const row = { boot: 'b', site: 's', slots: 4, labels: {}, capabilities: {}, isDraining: false };
  return { id, ...row, joinedAt: now, leaseUntil: now + 15_000 };
}

export function taskRow(patch: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: randomUUID(),
    caller: 'local',
    toolset: 'sandbox',
    operation: 'run_python',
    workspaceId: null,
    status: 'running',
    sequence: 1,
    worker: null,
    epoch: null,
    job: null,
    progress: null,
    result: null,
    error: null,
    attempts: 1,
    createdAt: Date.now(),
    startedAt: Date.now(),
    completedAt: null,
    ...patch,
  };
}
