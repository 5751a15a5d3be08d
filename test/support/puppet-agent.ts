import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../src/errors/app-error.ts';
import type { Driver, DriverHost, PermissionAnswer, TurnEnd } from '../../src/worker/agents/driver.ts';

/** An agent whose every move a test makes. */
export class Puppet {
  host: DriverHost | undefined;
  turn: PromiseWithResolvers<TurnEnd> | undefined;
  readonly exited = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  prompts: string[] = [];
  isClosed = false;

  end(outcome: TurnEnd['outcome']): void {
    this.turn?.resolve({ outcome, durationMs: 5 });
  }

  ask(signal = new AbortController().signal): Promise<PermissionAnswer> {
    assert.ok(this.host);
    const question = { requestId: randomUUID(), toolName: 'Write', description: 'write', input: { path: 'a' } };
    return this.host.ask({ ...question, remember: ['once'] }, signal);
  }

  die(): void {
    this.turn?.reject(new AppError('SESSION_FAILED', 'The agent exited (9)'));
    this.exited.resolve({ code: null, signal: 'SIGKILL' });
  }
}

/** Each session that it opens is a puppet more. */
export const puppetDriver = (puppets: Puppet[]): Driver => ({
  kind: 'puppet',
  describe: () => assert.fail('not asked'),
  async open(_request, host) {
    const puppet = new Puppet();
    puppets.push(puppet);
    puppet.host = host;
    return {
      agentSessionId: `own-${puppets.length}`,
      async prompt({ text }) {
        puppet.prompts.push(text);
        puppet.turn = Promise.withResolvers();
        return await puppet.turn.promise;
      },
      interrupt: async () => puppet.end('aborted'),
      async close() {
        puppet.isClosed = true;
        puppet.end('aborted');
        puppet.exited.resolve({ code: 0, signal: null });
      },
      exited: puppet.exited.promise,
    };
  },
});
