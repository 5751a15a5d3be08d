import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { CallerStateRecord } from '../../store/agents/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import { badArgument } from '../arguments.ts';
import { defineOperation } from '../define.ts';
import { reading } from './inputs.ts';
import { plain } from './views.ts';

const MAX_BYTES = 256 * 1024;

const marker = z.looseObject({
  id: z.string().max(200),
  sessionId: z.string().max(200),
  messageId: z.string().max(200),
});
const patchSchema = z.strictObject({
  markers: z.record(z.string().max(200), z.array(marker).nullable()).optional(),
  preferences: z.record(z.string().max(200), z.unknown()).optional(),
  recentCwds: z.array(z.string().max(4096)).max(200).optional(),
});
type Patch = z.output<typeof patchSchema>;

const output = z.looseObject({
  markers: z.looseObject({}),
  preferences: z.looseObject({}),
  recentCwds: z.array(z.string()),
  version: z.int(),
});

export const getState = defineOperation({
  name: 'get_state',
  toolset: 'sessions',
  title: 'Get state',
  description: 'Your markers, preferences and recent directories.',
  input: z.strictObject({}),
  output,
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'state'], examples: ['boxswain sessions state --json'] },
  run: async (_input, { hub, caller }) => viewState(await hub.sessions.states.get(caller.id)),
});

export const updateState = defineOperation({
  name: 'update_state',
  toolset: 'sessions',
  title: 'Update state',
  description: 'Merge markers and preferences by key (null removes one); replace recentCwds.',
  input: z.strictObject({
    // Spelt out it would cost models more than all the rest of the tool.
    patch: z
      .record(z.string(), z.unknown())
      .pipe(patchSchema)
      .meta({ brief: 'markers, preferences, recentCwds', description: 'what changes' }),
    if_version: z.int().min(0).optional().describe('only when this is the version still'),
  }),
  // The whole state, as get_state gives it; this is what goes into the next change.
  output: z.looseObject({ version: z.int() }),
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  scope: 'sessions:write',
  cli: {
    words: ['sessions', 'set-state'],
    examples: ['boxswain sessions set-state --patch \'{"preferences":{"theme":"dark"}}\''],
  },
  async run({ patch, if_version }, { hub, caller }) {
    const changed = await hub.sessions.states.update(caller.id, state => patched(state, patch), {
      ifVersion: if_version,
    });
    if (changed !== undefined) return viewState(changed);
    const { version } = await hub.sessions.states.get(caller.id);
    throw new AppError('CONFLICT', `the state has version ${version}, not ${if_version}`, { details: { version } });
  },
});

function patched(state: JsonObject, { markers, preferences, recentCwds }: Patch): JsonObject {
  const next: JsonObject = {
    ...state,
    markers: merged(state.markers, plain(markers ?? {})),
    preferences: merged(state.preferences, plain(preferences ?? {})),
    ...(recentCwds && { recentCwds }),
  };
  if (Buffer.byteLength(JSON.stringify(next)) <= MAX_BYTES) return next;
  throw badArgument(
    'patch',
    'would make the state larger than 256 KiB',
    'remove markers or preferences by setting them to null',
  );
}

function merged(before: unknown, patch: JsonObject): JsonObject {
  const all: JsonObject = { ...Object(before), ...patch };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function viewState({ state, version }: CallerStateRecord): z.output<typeof output> {
  const { markers, preferences, recentCwds } = state;
  return {
    markers: Object(markers),
    preferences: Object(preferences),
    recentCwds: Array.isArray(recentCwds) ? recentCwds.map(String) : [],
    version,
  };
}
