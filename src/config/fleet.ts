import type { Config } from './config.ts';

/** Whether agents of all providers are to be had from a process of this configuration. */
export function offersFleet({ toolsets }: Pick<Config, 'toolsets'>): boolean {
  return toolsets.includes('fleet');
}
