import { z } from 'zod';
import { defineOperation } from '../define.ts';

const changes = { readOnly: false, destructive: false, idempotent: false, openWorld: false };

export const hookTokenCreate = defineOperation({
  name: 'hook_token_create',
  toolset: 'sessions',
  isTool: false,
  title: 'Make a hook token',
  description: 'Make what hooks of Claude Code in your terminals show. It is a secret, and told this once.',
  input: z.strictObject({}),
  output: z.looseObject({ token: z.string() }),
  hints: changes,
  scope: 'sessions:write',
  cli: {
    words: ['sessions', 'hooks', 'token'],
    examples: ['boxswain sessions hooks token --json'],
  },
  run: async (_input, { hub, caller }) => ({ token: await hub.sessions.terminals.createToken(caller.id) }),
});

export const hookTokenRevoke = defineOperation({
  name: 'hook_token_revoke',
  toolset: 'sessions',
  isTool: false,
  title: 'Revoke a hook token',
  description: 'Make a hook token void.',
  input: z.strictObject({
    sha256: z
      .string()
      .refine(hash => /^[0-9a-f]{64}$/.test(hash), 'must be 64 hexadecimal digits')
      .describe('SHA-256 of the token, in hexadecimal'),
  }),
  output: z.looseObject({ revoked: z.boolean() }),
  hints: { ...changes, destructive: true, idempotent: true },
  scope: 'sessions:write',
  cli: {
    words: ['sessions', 'hooks', 'revoke'],
    positional: 'sha256',
    examples: ['boxswain sessions hooks revoke "$(printf %s "$TOKEN" | sha256sum | cut -c1-64)"'],
  },
  run: async ({ sha256 }, { hub, caller }) => ({
    revoked: await hub.sessions.terminals.revokeToken(sha256, caller.id),
  }),
});
