import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { codegenToken } from '../../config/codegen.ts';
import { isSecretKey, maskSecret } from '../../config/config-keeper.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { requireScope } from '../scopes.ts';
import { failureOf } from './envelope.ts';
import { configOutput } from './outputs.ts';

const keys = ['api_token', 'org_id', 'base_url', 'log_level'] as const;
type Key = (typeof keys)[number];

export const codegenConfig = defineOperation({
  name: 'codegen_config',
  aliases: ['config', 'codegenapi_config'],
  toolset: 'codegen',
  title: 'Configure Codegen',
  description: 'Get or set a configuration value.',
  input: z.strictObject({
    // An enumeration of its own would not let the word be named, as the earlier server did.
    action: z
      .string()
      .refine(word => word === 'get' || word === 'set', {
        error: ({ input }) => `is unknown: ${String(input).slice(0, 64)}`,
      })
      .meta({ enum: ['get', 'set'], description: 'get or set' }),
    key: z.enum(keys).describe('which value'),
    value: z.string().max(4096).optional().describe('what to set'),
  }),
  output: configOutput,
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  scope: 'codegen:read',
  failure: failureOf('config'),
  // The command line changes the file itself: it may do more.
  cli: { words: [], examples: [] },
  async run({ action, key, value }, context) {
    if (action === 'get') return { status: 'success', key, value: await valueInForce(key, context) };
    requireScope('admin', context.caller);
    if (value === undefined) throw new AppError('VALIDATION_ERROR', 'Missing required argument: value');
    const { overriddenBy } = await set(key, value, context);
    const message = `Configuration value '${key}' set successfully`;
    const more = overriddenBy === undefined ? '' : `. ${overriddenBy} wins over it while it is set.`;
    return { status: 'success', message: `${message}${more}` };
  },
});

async function valueInForce(key: Key, { hub }: OperationContext): Promise<string> {
  const { keeper, gate } = hub.codegen;
  const settings = await gate.settings();
  const value = await {
    api_token: () => codegenToken(settings),
    org_id: () => settings.org_id,
    base_url: () => settings.base_url,
    log_level: () => keeper?.get(key),
  }[key]();
  if (value === undefined) {
    throw new AppError('CONFIG_NOT_FOUND', `Configuration value '${key}' not found`, {
      details: { explanation: `Set it with the action set, or with: boxswain config set ${key} VALUE` },
    });
  }
  return isSecretKey(key) ? maskSecret(String(value)) : String(value);
}

async function set(key: Key, value: string, { hub }: OperationContext) {
  const { keeper } = hub.codegen;
  if (key === 'base_url') {
    throw new AppError('POLICY_DENIED', 'base_url cannot be set from here: the token is sent to it', {
      hint: 'set it where Boxswain runs: boxswain config set base_url URL, or CODEGEN_BASE_URL',
    });
  }
  if (key === 'org_id' && !/^\d+$/.test(value)) {
    throw new AppError('VALIDATION_ERROR', 'Invalid request: org_id must be digits');
  }
  if (keeper === undefined) {
    throw new AppError('CAPABILITY_UNSUPPORTED', 'this server has no configuration file that could be changed');
  }
  return await keeper.set(key, value);
}
