import { z } from 'zod';
import type { EventRecord } from '../../store/rows.ts';
import { badArgument } from '../arguments.ts';
import type { OperationContext } from '../operation.ts';
import { requireTaskScope } from '../scopes.ts';

const severities = ['info', 'warning', 'critical'] as const;

/** Which events of the fleet are wanted. */
export const fleetFilters = {
  agent_ids: z
    .array(z.string().max(256))
    .max(100)
    .optional()
    .meta({ hidden: true, description: 'of stream fleet: only of these agents' }),
  severity_min: z
    .enum(severities)
    .optional()
    .meta({ hidden: true, description: 'of stream fleet: only this severe, or more' }),
};
export interface FleetFilters {
  readonly agent_ids?: readonly string[] | undefined;
  readonly severity_min?: (typeof severities)[number] | undefined;
}

/** Throws VALIDATION_ERROR where they would have no effect. */
export function refuseFilters(filters: FleetFilters): void {
  for (const name of ['agent_ids', 'severity_min'] as const)
    if (filters[name] !== undefined)
      throw badArgument(name, 'is of stream fleet only', 'leave it out, or read stream fleet');
}

/** Says of the fleet's events which the caller may see and wants. */
export function fleetReader(
  { agent_ids, severity_min }: FleetFilters,
  { caller }: Pick<OperationContext, 'caller'>,
): (event: EventRecord) => boolean {
  requireTaskScope('fleet', 'read', caller);
  const wanted = agent_ids && new Set<unknown>(agent_ids);
  const least = severity_min === undefined ? 0 : severities.indexOf(severity_min);
  return ({ body }) =>
    (body.caller === undefined || body.caller === caller.id) &&
    (wanted === undefined || wanted.has(body.agentId)) &&
    severities.some((severity, rank) => rank >= least && severity === body.severity);
}
