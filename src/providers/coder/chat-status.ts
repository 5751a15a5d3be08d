import type { AgentCapability, AgentStatus } from '../provider.ts';

export interface ChatFacts {
  readonly status: string;
  readonly archived: boolean;
  readonly hasWorkspace: boolean;
}

const STATUSES: Readonly<Record<string, AgentStatus>> = {
  waiting: 'idle',
  completed: 'idle',
  pending: 'busy',
  running: 'busy',
  interrupting: 'busy',
  requires_action: 'busy',
  paused: 'stopped',
  error: 'error',
};

/** Status of a chat. A word that nobody knows is `offline`. */
export function statusOfChat({ status, archived }: ChatFacts): AgentStatus {
  if (archived) return 'stopped';
  return Object.hasOwn(STATUSES, status) ? (STATUSES[status] ?? 'offline') : 'offline';
}

/** Whether a chat waits for a person. */
export const isWaitingForPerson = ({ status, archived }: ChatFacts): boolean =>
  status === 'requires_action' && !archived;

/** What may be asked of a chat as it is. One that is paused goes on with its next message, so there is nothing to resume. */
export function capabilitiesOfChat(facts: ChatFacts): AgentCapability[] {
  const status = statusOfChat(facts);
  const isBusy = status === 'busy';
  const can: Partial<Record<AgentCapability, boolean>> = {
    logs: true,
    send_input: !facts.archived && status !== 'offline' && status !== 'error',
    delete: facts.hasWorkspace && !facts.archived,
    pause: isBusy,
    interrupt: isBusy,
  };
  return chatCapabilities.filter(capability => can[capability] === true);
}

/** All that chats can ever do. */
export const chatCapabilities: readonly AgentCapability[] = ['logs', 'send_input', 'delete', 'pause', 'interrupt'];
