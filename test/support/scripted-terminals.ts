import type { OpenSession } from '../../src/protocol/presence.ts';
import type { TerminalPresence } from '../../src/worker/agents/presence/open-presence.ts';

/** Terminals of which a test says what is open in them. */
export class ScriptedTerminals implements TerminalPresence {
  open: readonly OpenSession[] = [];
  /** How often it was looked anew. */
  checks = 0;

  async find(_agent: string, agentSessionId: string): Promise<OpenSession | undefined> {
    return this.open.find(one => one.agentSessionId === agentSessionId);
  }

  check(agent: string, agentSessionId: string): Promise<OpenSession | undefined> {
    this.checks += 1;
    return this.find(agent, agentSessionId);
  }

  seen(agent: string, agentSessionId: string): Promise<OpenSession | undefined> {
    return this.find(agent, agentSessionId);
  }

  isOpen(agentSessionId: string): boolean {
    return this.open.some(one => one.agentSessionId === agentSessionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
