import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { reading } from './inputs.ts';

export const getHealth = defineOperation({
  name: 'get_health',
  toolset: 'sessions',
  title: 'Get health',
  description: 'Whether the server is well.',
  input: z.strictObject({}),
  output: z.looseObject({ ok: z.boolean() }),
  hints: reading,
  scope: 'any:read',
  cli: { words: ['health'], examples: ['boxswain health', 'boxswain health --json'] },
  async run(_input, { hub }) {
    const { uptimeSeconds, ...health } = await hub.health.look();
    return { ok: true, name: 'boxswain', ...health, uptime: uptimeSeconds };
  },
});

export const getHealthDetails = defineOperation({
  name: 'get_health_details',
  toolset: 'sessions',
  title: 'Get health of parts',
  description: 'State of each part, and what the server mended.',
  input: z.strictObject({}),
  output: z.looseObject({}),
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'health'], examples: ['boxswain sessions health'] },
  async run(_input, { hub }) {
    const { subsystems, repairs } = await hub.health.details();
    return { status: subsystems, subsystems, log: [...repairs] };
  },
});
