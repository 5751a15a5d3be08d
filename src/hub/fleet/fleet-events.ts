import { z } from 'zod';
import type { AppError } from '../../errors/app-error.ts';
import { type AgentStatus, agentStatuses, type ProviderName } from '../../providers/provider.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { QueuedInput } from './queued-input.ts';

const lookSchema = z.record(
  z.string(),
  z.object({ status: z.enum(agentStatuses), name: z.string().nullable(), caller: z.string().optional() }),
);
/** How the agents of a provider looked, by id. `caller`: whose session it is, who alone hears of it. */
export type Look = z.output<typeof lookSchema>;
type Seen = Look[string];

/** A look that was stored; undefined for what cannot be read, which then counts as none. */
export const storedLook = (stored: JsonObject | undefined): Look | undefined => lookSchema.safeParse(stored).data;

export interface FleetEvent {
  readonly type: string;
  readonly body: JsonObject;
}

type Told = Readonly<Record<'type' | 'severity' | 'message', string>>;

/** What became of the agents of one provider between two looks. */
export function changes(provider: ProviderName, { before, now }: { before: Look; now: Look }): FleetEvent[] {
  const ids = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...ids].flatMap(agentId => {
    const [from, to] = [before[agentId], now[agentId]];
    const told = toldOf(agentId, { from, to });
    const seen = to ?? from;
    if (told === undefined || seen === undefined) return [];
    const { type, severity, message } = told;
    const metadata = { from: from?.status ?? null, to: to?.status ?? null, name: seen.name };
    const whose: JsonObject = seen.caller === undefined ? {} : { caller: seen.caller };
    return [{ type, body: { severity, provider, agentId, message, metadata, ...whose } }];
  });
}

function toldOf(id: string, { from, to }: { from: Seen | undefined; to: Seen | undefined }): Told | undefined {
  if (to === undefined)
    return { type: 'agent_disconnected', severity: 'warning', message: `Agent ${id} is gone from its provider` };
  if (from === undefined) {
    if (to.status === 'offline') return undefined;
    return { type: 'agent_connected', severity: 'info', message: `Agent ${id} is new and ${to.status}` };
  }
  return from.status === to.status ? undefined : toldOfStatus(id, { from: from.status, to: to.status });
}

function toldOfStatus(id: string, { from, to }: { from: AgentStatus; to: AgentStatus }): Told | undefined {
  if (to === 'offline')
    return { type: 'agent_disconnected', severity: 'warning', message: `Agent ${id} was ${from} and is offline` };
  if (to === 'error') {
    const message = `Agent ${id} was ${from} and has failed`;
    return from === 'busy'
      ? { type: 'task_failed', severity: 'warning', message }
      : { type: 'agent_failure', severity: 'critical', message };
  }
  if (from === 'offline')
    return { type: 'agent_connected', severity: 'info', message: `Agent ${id} is back and ${to}` };
  if (from === 'busy' && to === 'idle')
    return { type: 'task_completed', severity: 'info', message: `Agent ${id} has done its work` };
  return undefined;
}

/** The fleet is as busy as its operator wants to be warned of; again only after that was over by a tenth. */
export function capacity(
  looks: readonly Look[],
  { threshold, isOver }: { threshold: number; isOver: boolean },
): { isOver: boolean; events: FleetEvent[] } {
  const agents = looks.flatMap(look => Object.values(look));
  const busy = agents.filter(({ status }) => status === 'busy').length;
  const utilization = agents.length === 0 ? 0 : busy / agents.length;
  if (isOver) return { isOver: utilization >= threshold - 0.1, events: [] };
  if (utilization < threshold) return { isOver: false, events: [] };
  const message = `${busy} of ${agents.length} agents are busy`;
  const metadata = { fleet_utilization: utilization, total_agents: agents.length, agents_busy: busy };
  const body = { severity: 'warning', provider: 'all', agentId: null, message, metadata };
  return { isOver: true, events: [{ type: 'capacity_warning', body }] };
}

/** Input that waited can never be delivered. */
export function undeliverable({ task, job }: QueuedInput, error: AppError): FleetEvent {
  const { provider, agentId } = job;
  const message = `Input for agent ${agentId} cannot be delivered: ${error.message}`;
  const metadata = { error_code: error.code };
  const whose: JsonObject = provider === 'local' ? { caller: task.caller } : {};
  const body = { severity: 'warning', provider, agentId, taskId: task.id, message, metadata, ...whose };
  return { type: 'task_failed', body };
}
