import { AppError } from '../../errors/app-error.ts';
import type { Agent, AgentCapability } from '../provider.ts';

/**
 * Whether input may be sent to an agent as it is; what comes back is whether it is to be interrupted for that. AGENT_OFFLINE, AGENT_BUSY,
 * AGENT_NOT_READY, CAPABILITY_UNSUPPORTED.
 */
export function mayBeSent(
  agent: Agent,
  { interrupt, isStarting }: { interrupt: boolean; isStarting: boolean },
): boolean {
  const { id, status, capabilities, updatedAt } = agent;
  const details = { status, agent_id: id };
  const since = agent.lastActivityAt ?? updatedAt;
  const asOf = since === null ? '' : ` since ${since}`;
  if (status === 'offline' || status === 'error')
    throw new AppError('AGENT_OFFLINE', `Agent ${id} is ${status === 'error' ? 'failed' : 'offline'}${asOf}`, {
      details,
    });
  if (status === 'stopped' && capabilities.includes('resume'))
    throw new AppError('AGENT_NOT_READY', `Agent ${id} is paused${asOf}`, { details, hint: 'resume it first' });
  if (status === 'stopped' && !capabilities.includes('send_input'))
    throw new AppError('AGENT_OFFLINE', `Agent ${id} has ended${asOf}`, { details });
  if (isStarting) throw new AppError('AGENT_NOT_READY', `Agent ${id} is starting`, { details });
  if (status !== 'busy') return false;
  if (!interrupt) throw new AppError('AGENT_BUSY', `Agent ${id} is busy${asOf}`, { details });
  if (!capabilities.includes('interrupt')) throw cannot(agent, 'interrupt');
  return true;
}

/** CAPABILITY_UNSUPPORTED, with what the agent is and can instead. */
export function cannot({ id, status, capabilities }: Agent, capability: AgentCapability): AppError {
  return new AppError(
    'CAPABILITY_UNSUPPORTED',
    `Agent ${id} of coder, which is ${status}, does not support ${capability}`,
    {
      details: { status, capabilities },
      hint: 'do what its capabilities name',
    },
  );
}
