import type { Message, Part } from '../../protocol/sessions.ts';
import type { Agent, AgentCapability, AgentLogEntry, AgentStatus } from '../../providers/provider.ts';
import type { SessionState } from '../../store/agents/rows.ts';
import { type ListedSession, statusOf } from '../sessions/session-list.ts';

/** What a session is to the fleet. One that is open in a terminal is as its terminal says. */
const STATUS: Readonly<Record<Exclude<SessionState, 'mirror'>, AgentStatus>> = {
  starting: 'running',
  running: 'busy',
  waiting_permission: 'busy',
  idle: 'idle',
  failed: 'error',
  parked: 'stopped',
  closed: 'stopped',
};
/** Of these the worker has the agent, so without it nothing is known. */
const DRIVEN: ReadonlySet<SessionState> = new Set(['starting', 'running', 'waiting_permission', 'idle', 'mirror']);

export interface LocalSession extends ListedSession {
  readonly caller: string;
  readonly initialPrompt: string | null;
}

/** A session as an agent of the fleet. `liveWorkers`: ids of those with a lease. */
export function localAgent(session: LocalSession, liveWorkers: ReadonlySet<string>): Agent {
  const { record, past, openIn, workerId, caller } = session;
  const state = statusOf({ record, openIn });
  const isThere = liveWorkers.has(workerId);
  const status = DRIVEN.has(state) && !isThere ? 'offline' : statusIn(state, openIn?.status);
  const id = record?.id ?? past?.id ?? '';
  const title = record?.title || past?.title;
  return {
    provider: 'local',
    id,
    user: caller,
    workspaceId: record?.workspaceId ?? id,
    workspaceName: record?.cwd ?? past?.cwd ?? null,
    name: title === undefined || title === '' ? null : title,
    status,
    createdAt: isoOf(past?.createdAt ?? record?.createdAt),
    updatedAt: isoOf(Math.max(record?.updatedAt ?? 0, past?.updatedAt ?? 0)),
    lastActivityAt: isoOf(past?.lastMessageAt ?? record?.lastMessageAt),
    capabilities: capabilitiesOf(status, { isInWorkspace: (record?.workspaceId ?? null) !== null, isThere }),
    labels: [],
    initialPrompt: session.initialPrompt,
    connected: isThere && DRIVEN.has(state),
    metadata: {
      agent: record?.agent ?? past?.agent ?? null,
      model: record?.model ?? past?.model ?? null,
      worker_id: workerId,
      provider_status: state,
      state_message: record?.statusReason ?? null,
      ...(state === 'waiting_permission' && { waiting: true }),
    },
    url: null,
  };
}

function statusIn(state: SessionState, terminal: 'idle' | 'busy' | 'waiting' | undefined): AgentStatus {
  if (state !== 'mirror') return STATUS[state];
  return terminal === 'idle' ? 'idle' : 'busy';
}

/** A session that is parked or failed goes on with its next prompt, so that it takes input as it is. */
function capabilitiesOf(
  status: AgentStatus,
  { isInWorkspace, isThere }: { isInWorkspace: boolean; isThere: boolean },
): AgentCapability[] {
  if (!isThere) return ['logs', 'delete'];
  return [
    'logs',
    'send_input',
    'delete',
    ...(status === 'busy' ? (['interrupt'] as const) : []),
    'permissions',
    ...(isInWorkspace ? [] : (['fork'] as const)),
  ];
}

/** Zero is no time. */
const isoOf = (ms: number | null | undefined): string | null =>
  ms === undefined || ms === null || ms === 0 ? null : new Date(ms).toISOString();

/** What was said in a session, a line for each message that says something. */
export const localLogs = (messages: readonly Message[], agentId: string): AgentLogEntry[] =>
  messages.flatMap(message => {
    const text = message.parts.flatMap(textOf).join('\n');
    if (text === '') return [];
    const failed = message.parts.some(isFailure);
    return {
      timestamp: new Date(message.time.created).toISOString(),
      level: failed ? 'error' : 'info',
      message: text,
      agentId,
      taskId: null,
      metadata: { id: message.id, type: message.role === 'user' ? 'input' : 'output' },
    };
  });

function textOf(part: Part): string[] {
  if (part.type === 'text' || part.type === 'thinking') return [part.text];
  if (part.type === 'tool_use')
    return [`${part.tool} ${JSON.stringify(part.input)}`, part.resultText ?? ''].filter(Boolean);
  return part.type === 'tool_result' ? [part.content] : [];
}

const isFailure = (part: Part): boolean =>
  (part.type === 'tool_result' && part.isError === true) ||
  (part.type === 'tool_use' && part.state === 'error') ||
  (part.type === 'result' && part.subtype === 'error');
