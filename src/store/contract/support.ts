import assert from 'node:assert/strict';
import { AppError } from '../../errors/app-error.ts';
import { newId, newTaskId } from '../../ids/ids.ts';
import type { ArtifactRecord, AuditRecord, CheckpointRecord, TaskRecord, WorkerRecord } from '../rows.ts';
import type { Page, PageQuery } from '../page.ts';
import type { Store } from '../store.ts';

/** An empty store, with a way past it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** What was reported as unreadable: `table/id`. */
  readonly badRows: string[];
  /** The same records over connections of its own, as another process has them. */
  openAnother(): Promise<Store>;
  /** Runs a statement on the database, as somebody who tampers does. */
  execute(statement: string): Promise<void>;
}

/** Opens an empty store for the time of the callback. */
export type Use = (test: (opened: StoreUnderTest) => Promise<void>) => Promise<void>;

export const newWorker = (patch: Partial<WorkerRecord> = {}): Omit<WorkerRecord, 'joinedAt' | 'leaseUntil'> => ({
  id: 'w1',
  boot: 'b1',
  site: 's1',
  slots: 4,
  labels: { zone: 'a' },
  capabilities: { engines: ['bubblewrap'] },
  isDraining: false,
  ...patch,
});

type NewWorkspace = Parameters<Store['workspaces']['insert']>[0];

export const newWorkspace = (patch: Partial<NewWorkspace> = {}): NewWorkspace => ({
  id: newId('ws'),
  caller: 'alice',
  name: 'work',
  state: 'ready',
  worker: 'w1',
  epoch: 1,
  generation: 0,
  connection: null,
  engine: 'bubblewrap',
  image: null,
  spec: { limits: { memory_mb: 64 }, requested: [] },
  metadata: { team: 'ü' },
  ttlSeconds: 3600,
  ...patch,
});

/** Inserts a workspace that has room. */
export async function inserted(store: Store, patch: Partial<NewWorkspace> = {}) {
  const answer = await store.workspaces.insert(newWorkspace(patch), { slots: 1000 });
  assert.ok('inserted' in answer);
  return answer.inserted;
}

export const newTask = (patch: Partial<TaskRecord> = {}): TaskRecord => ({
  id: newTaskId(),
  caller: 'alice',
  toolset: 'sandbox',
  operation: 'run_command',
  workspaceId: 'ws_1',
  status: 'queued',
  sequence: null,
  worker: null,
  epoch: null,
  job: { kind: 'command', command: 'true' },
  progress: null,
  result: null,
  error: null,
  attempts: 0,
  createdAt: 1000,
  startedAt: null,
  completedAt: null,
  ...patch,
});

export const newCheckpoint = (
  patch: Partial<CheckpointRecord> = {},
): Omit<CheckpointRecord, 'createdAt' | 'expiresAt'> => ({
  id: newId('cp'),
  caller: 'alice',
  workspaceId: 'ws_1',
  name: 'before lunch',
  sizeBytes: 5_000_000_000,
  fileCount: 3,
  sha256: 'f'.repeat(64),
  manifest: 'a'.repeat(64),
  packs: ['b'.repeat(64), 'c'.repeat(64)],
  installedPackages: ['requests 2.0'],
  spec: { env: { A: 'b' } },
  metadata: {},
  parentId: null,
  isAutomatic: false,
  sequence: 0,
  ...patch,
});

export const newArtifact = (patch: Partial<ArtifactRecord> = {}): Omit<ArtifactRecord, 'createdAt' | 'expiresAt'> => ({
  id: newId('art'),
  caller: 'alice',
  workspaceId: 'ws_1',
  taskId: null,
  name: 'a.zip',
  path: 'artifacts/a.zip',
  sizeBytes: 10,
  contentType: 'application/zip',
  sha256: 'd'.repeat(64),
  labels: { kind: 'report' },
  ...patch,
});

export const newAuditRecord = (patch: Partial<AuditRecord> = {}): AuditRecord => ({
  id: newId('aud'),
  caller: 'alice',
  operation: 'run_python',
  handles: { workspace_id: 'ws_1' },
  outcome: 'ok',
  durationMs: 12.345678,
  time: 1_700_000_000_000,
  details: { text: 'zero \u0000 and lone \ud800' },
  ...patch,
});

/** All rows of a list, read in pages of `limit`; `between` runs after each page. */
export async function paged<Row>(
  list: (query: PageQuery) => Promise<Page<Row>>,
  limit: number,
  between: () => Promise<unknown> = async () => {},
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit, cursor });
    assert.ok(page.rows.length <= limit);
    rows.push(...page.rows);
    cursor = page.nextCursor ?? undefined;
    await between();
  } while (cursor !== undefined);
  return rows;
}

export const isValidationError = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'VALIDATION_ERROR';

export const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(row => row.id);
