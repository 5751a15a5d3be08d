import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { answer, decided, pendingAt, stateOf, terminal, tool } from '../../../../test/support/hook-terminal.ts';
import { type Bench, withBench } from '../../../../test/support/hub-under-test.ts';
import { puppetDriver } from '../../../../test/support/puppet-agent.ts';
import { configSchema } from '../../../config/config.ts';
import { AppError } from '../../../errors/app-error.ts';
import { silentLog } from '../../../log/log.ts';
import type { Message } from '../../../protocol/sessions.ts';
import { Background, usualTiming } from '../../foundation.ts';
import { readHook } from './hook.ts';
import { TerminalRequests } from './terminal-requests.ts';

/** Within 3 s, less the 2 s in which a line of a transcript is found. */
const LOOKS_WITHIN_MS = 1_000;

async function stage(bench: Bench) {
  const hub = await bench.hub({ timing: { retryMs: 20 } });
  const worker = await bench.worker({ driver: puppetDriver([]) });
  const user = terminal();
  const open = { agent: 'claude', agentSessionId: user.sessionId, pid: 4711, since: 1 };
  const isNow = (status: 'idle' | 'busy' | 'waiting') => worker.openTerminals([{ ...open, status }]);
  return { hub, worker, user, isNow };
}

describe('a request for leave that is answered in its terminal', () => {
  it(
    'is over when the dialog is gone, also where one seemed to be there before and all the time',
    withBench(async bench => {
      const { hub, worker, user, isNow } = await stage(bench);
      await isNow('waiting');
      const reply = user.asks(hub);
      const { id } = await pendingAt(hub);
      // Nothing changes that would be told: it is asked for.
      await eventually(() => worker.terminals.checks > 0);
      for (let at = 0; at < 100 && (await stateOf(bench, id)) === 'pending'; at += 1)
        await isNow(at % 2 === 0 ? 'busy' : 'idle');
      assert.equal(await stateOf(bench, id), 'resolved_locally');
      assert.deepEqual(await reply, {});
    }),
  );

  it(
    'is not taken to be that by what a program without dialogs does',
    withBench(async bench => {
      const { hub, worker, user, isNow } = await stage(bench);
      await isNow('busy');
      const reply = user.asks(hub);
      const request = await pendingAt(hub);
      await eventually(() => worker.terminals.checks > 0);
      for (const status of ['idle', 'busy', 'idle'] as const) await isNow(status);
      await answer(hub, request);
      assert.deepEqual(await reply, decided({ behavior: 'allow' }));
    }),
  );

  it(
    'is over within 3 s when only its transcript tells of it, whatever the hooks and the terminal do',
    withBench(async bench => {
      const sessionId = randomUUID();
      const session = await bench.store.sessions.insert({
        ...{ id: sessionId, caller: 'alice', agent: 'claude', agentSessionId: sessionId, worker: 'worker-1' },
        ...{ workspaceId: null, slug: '-x', cwd: '/x', title: '', model: null, permissionMode: 'default' },
        ...{ status: 'parked', parentId: null, forkedFrom: null, atMessageId: null, usage: {}, messageCount: 0 },
        metadata: {},
      });
      const background = new ClockedBackground(silentLog);
      const transcript = new Transcript(sessionId);
      const ground = { id: 'hub-1', store: bench.store, timing: usualTiming, background };
      const requests = new TerminalRequests(
        { ...ground, config: configSchema.parse({ directory: '/x' }) },
        {
          history: transcript,
          link: { ask: () => Promise.reject(new AppError('WORKER_UNREACHABLE', 'it does not tell of terminals')) },
          log: { wake: async () => {} },
          peers: { hear() {}, tell() {} },
        },
      );
      const asked = { hook_event_name: 'PermissionRequest', session_id: sessionId, cwd: '/x', ...tool };
      const { signal } = new AbortController();
      const reply = requests.hold(readHook(asked), session, { gone: signal, closing: signal });
      await eventually(() => transcript.reads > 0);
      await background.after(LOOKS_WITHIN_MS);
      const [waiting] = await bench.store.terminals.pending();
      assert.ok(waiting, 'a call that runs was taken for one that has ended');
      transcript.end();
      await background.after(LOOKS_WITHIN_MS);
      assert.deepEqual(await reply, {});
      assert.equal(await stateOf(bench, waiting.id), 'resolved_locally');
      await background.close();
    }),
  );
});

/** Its clock is the test's. */
class ClockedBackground extends Background {
  readonly #loops: { readonly intervalMs: number; readonly work: () => Promise<unknown> }[] = [];

  override every(intervalMs: number, _name: string, work: () => Promise<unknown>): void {
    this.#loops.push({ intervalMs, work });
  }

  /** Settles when all that is done again within so long has been done. */
  async after(ms: number): Promise<void> {
    for (const { intervalMs, work } of this.#loops) if (intervalMs <= ms) await work();
  }
}

/** Of a session whose only call of a tool runs until it ends. */
class Transcript {
  readonly #sessionId: string;
  #state: 'running' | 'completed' = 'running';
  reads = 0;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  end(): void {
    this.#state = 'completed';
  }

  async messages() {
    this.reads += 1;
    const { tool_name, tool_input: input } = tool;
    const call = {
      ...{ id: 'call', messageId: 'm', sessionId: this.#sessionId },
      type: 'tool_use' as const,
      tool: tool_name,
      input,
    };
    const message: Message = {
      ...{ id: 'm', sessionId: this.#sessionId, role: 'assistant', time: { created: 1 } },
      parts: [{ ...call, state: this.#state }],
    };
    return { found: { messages: [message] } };
  }
}
