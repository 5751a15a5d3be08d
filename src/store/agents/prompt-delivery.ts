import type { JsonObject } from '../rows.ts';

/** Who gives a prompt to its agent: `agent`: its driver; `stop_hook`: the terminal it is open in, at the end of a turn there. */
export const promptDeliveries = ['agent', 'stop_hook'] as const;

export const promptDelivery = ({ deliver }: JsonObject): (typeof promptDeliveries)[number] =>
  deliver === 'stop_hook' ? 'stop_hook' : 'agent';
