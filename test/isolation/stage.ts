import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Caller, expandScopes, localCaller } from '../../src/auth/caller.ts';
import { configSchema } from '../../src/config/config.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { silentLog } from '../../src/log/log.ts';
import { invoke } from '../../src/operations/invoke.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { allOperations, operatorOperations } from '../../src/operations/registry.ts';
import { startSolo } from '../../src/solo.ts';
import type { DumpedRow } from '../../src/store/dump.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { cleanEnvironment, scratchDirectory } from '../support/server.ts';

export type Json = Record<string, unknown>;

/** What a call came to: its output, or the error that it ended with. */
export type Answer = { readonly output: Json; readonly text: string[] } | { readonly error: Json };

export const everyOperation: readonly Operation[] = [...allOperations, ...operatorOperations];

export const callerOf = (id: string, more: Partial<Caller> = {}): Caller => ({
  id,
  scopes: expandScopes(['mcp:tools']),
  teams: new Set(),
  ...more,
});

/** Everything is real: hub, worker, boxes, the scripted agent, records on disk. Callers may do as much as they like, but for `limits`. */
export async function openStage(limits: object = {}) {
  const scratch = await scratchDirectory();
  const [directory, home, project] = ['data', 'home', 'project'].map(name => join(scratch.path, name));
  assert.ok(directory !== undefined && home !== undefined && project !== undefined);
  for (const folder of [home, project]) await mkdir(folder);
  const plenty = 1_000_000;
  const solo = await startSolo({
    config: configSchema.parse({
      directory,
      limits: { workspaces: plenty, sessions: 100, tasks: plenty, calls_per_minute: plenty, ...limits },
      // Nothing is to change by itself meanwhile.
      sessions: { roots: [scratch.path], agents: { scripted: {} }, park_after_seconds: 86_400 },
      sandbox: { spare_boxes: 0, idle_stop_seconds: 86_400, default_ttl_seconds: 86_400 },
    }),
    log: silentLog,
    version: '0.0.0',
    env: cleanEnvironment({ HOME: home }),
  });
  const { hub } = solo;
  const records = await createSqliteStore({ path: join(directory, 'records.db') });

  const call = async (caller: Caller, operation: Operation | string, args: Json = {}): Promise<Answer> => {
    const found = typeof operation === 'string' ? named(operation) : operation;
    try {
      const { output, text } = await invoke(found, args, {
        hub,
        caller,
        signal: AbortSignal.timeout(60_000),
        requestId: randomUUID(),
        wantsTask: false,
        report: () => {},
        surface: 'http',
        log: silentLog,
      });
      return { output, text };
    } catch (error) {
      if (error instanceof AppError) return { error: { ...error.toShape() } };
      throw error;
    }
  };

  return {
    hub,
    project,
    call,
    /** The output of a call that must succeed. */
    async made(caller: Caller, operation: Operation | string, args: Json = {}): Promise<Json> {
      const answer = await call(caller, operation, args);
      if ('output' in answer) return answer.output;
      throw new Error(`${typeof operation === 'string' ? operation : operation.name}: ${JSON.stringify(answer.error)}`);
    },
    /** Every row in which one of these words stands, as text, by table: also those that the hub keeps for itself. */
    async rowsWith(words: readonly string[]): Promise<string[]> {
      // What is still to be written of what was done before is written first.
      await Promise.all([hub.workspaces.list({ limit: 1 }, localCaller), hub.tasks.list({ limit: 1 }, localCaller)]);
      const isMeant = (text: string) => words.some(word => text.includes(word));
      return await records.dump(async snapshot => {
        const found: string[] = [];
        for await (const { table, row } of snapshot.rows()) {
          if (NOBODYS.has(table)) continue;
          const text = `${table} ${JSON.stringify(row)}`;
          if (isMeant(text)) found.push(text);
        }
        return found.sort();
      });
    },
    async close() {
      await records.close();
      await solo.close();
      await scratch.remove();
    },
  };
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

/** What a call itself leaves behind, and leases: these change with time. */
const NOBODYS: ReadonlySet<DumpedRow['table']> = new Set(['audit', 'audit_head', 'hub', 'worker', 'fleet_watch']);

export function named(name: string): Operation {
  return everyOperation.find(operation => operation.name === name) ?? assert.fail(`no operation is named ${name}`);
}
