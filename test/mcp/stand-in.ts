import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { configSchema } from '../../src/config/config.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { type HttpOptions, startHttp } from '../../src/http/server.ts';
import { type Log, silentLog } from '../../src/log/log.ts';
import { defineOperation } from '../../src/operations/define.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { type StandInHub, standInHub } from './stand-in-hub.ts';

/** What the operations of the stand-in saw, and the way to let a waiting one go on. */
export class Watch {
  readonly started: string[] = [];
  readonly cancelled: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #released = Promise.withResolvers<void>();

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  release(): void {
    this.#released.resolve();
  }

  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Resolves when `holds` does. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#listeners.add(resolve);
      await promise;
      this.#listeners.delete(resolve);
    }
  }
}

const hints = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
const shared = { toolset: 'sandbox', title: 'Test', hints, scope: 'any', cli: { words: [], examples: [] } } as const;

/** Beside the real operations: one that fails in every way, one that waits, one that becomes a task. */
export function standInOperations(watch: Watch): readonly Operation[] {
  const wait = defineOperation({
    ...shared,
    name: 'test_wait',
    aliases: ['test.wait'],
    description: 'Waits until the test lets it go on, or it is cancelled.',
    input: z.strictObject({ label: z.string() }),
    output: z.looseObject({ label: z.string() }),
    async run({ label }, { signal, report }) {
      watch.started.push(label);
      watch.changed();
      report({ percent: 10, message: `waiting ${label}` });
      const aborted = Promise.withResolvers<never>();
      const abort = (): void => {
        watch.cancelled.push(label);
        watch.changed();
        aborted.reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      await Promise.race([watch.released, aborted.promise]);
      signal.removeEventListener('abort', abort);
      return { label };
    },
  });
  const fail = defineOperation({
    ...shared,
    name: 'test_fail',
    description: 'Fails.',
    input: z.strictObject({ how: z.enum(['visible', 'secret', 'string']) }),
    output: z.looseObject({}),
    async run({ how }) {
      if (how === 'visible')
        throw new AppError('FILE_NOT_FOUND', 'File not found: a.txt', { details: { path: 'a.txt' } });
      if (how === 'secret') throw new Error('password is hunter2 in /etc/shadow');
      throw 'hunter2';
    },
  });
  const task = defineOperation({
    ...shared,
    name: 'test_task',
    description: 'Becomes a task at once when the client asks for one.',
    input: z.strictObject({ task_id: z.string() }),
    output: z.looseObject({}),
    async run({ task_id }, { wantsTask }) {
      await delay(0);
      return wantsTask ? { task_id, status: 'queued' } : { done: true };
    },
  });
  const pending = defineOperation({
    ...shared,
    name: 'test_pending',
    description: 'Answers with a handle.',
    input: z.strictObject({}),
    output: z.looseObject({}),
    run: async () => ({ task_id: 'T', status: 'running' }),
  });
  return [...allOperations, wait, fail, task, pending];
}

export interface TestServer {
  readonly url: string;
  readonly hub: StandInHub;
  readonly watch: Watch;
  close(options: { graceMs: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A listening server over the stand-in hub. */
export async function startTestServer(
  options: Pick<HttpOptions, 'mcp' | 'socketPath' | 'now' | 'authServer'> & {
    http?: Record<string, unknown>;
    auth?: Record<string, unknown>;
    log?: Log;
    operations?: (all: readonly Operation[], hub: StandInHub) => readonly Operation[];
  } = {},
): Promise<TestServer> {
  const hub = standInHub();
  const watch = new Watch();
  const config = configSchema.parse({
    directory: '/nonexistent',
    http: { port: 0, ...options.http },
    auth: options.auth,
  });
  const all = standInOperations(watch);
  const server = await startHttp({
    hub,
    operations: options.operations?.(all, hub) ?? all,
    config,
    log: options.log ?? silentLog,
    version: '0.0.0-test',
    socketPath: options.socketPath,
    mcp: options.mcp,
    now: options.now,
    authServer: options.authServer,
  });
  return {
    url: server.url,
    hub,
    watch,
    close: server.close,
    [Symbol.asyncDispose]: () => server.close({ graceMs: 0 }),
  };
}
