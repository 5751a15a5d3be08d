import { z } from 'zod';
import type { ShareRecord } from '../../store/sharing/store.ts';
import { badArgument } from '../arguments.ts';
import { defineOperation } from '../define.ts';
import { page } from '../sandbox/inputs.ts';
import { iso } from '../sandbox/views.ts';
import { requireTaskScope } from '../scopes.ts';

const kind = z.enum(['workspace', 'session', 'history']);
const hints = { readOnly: false, destructive: false, idempotent: true, openWorld: false };
const shared = { toolset: 'sandbox', isTool: false } as const;

const shareOutput = z.looseObject({ share_id: z.string() });

export const shareCreate = defineOperation({
  ...shared,
  name: 'share_create',
  title: 'Share a workspace or session',
  description:
    'Let another caller, or a team, use a workspace or session of yours; the user of the machine may share its history.',
  input: z.strictObject({
    kind: kind.describe('what is shared'),
    id: z.string().min(1).max(128).describe('handle of the workspace or session; all for history'),
    with: z.string().min(1).max(300).describe('caller, such as user:NAME or ISSUER:SUBJECT; or team:NAME'),
    access: z.enum(['read', 'write']).default('read').describe('read: what changes nothing; write: all but deleting'),
  }),
  output: shareOutput,
  hints,
  scope: 'any:write',
  cli: {
    words: ['shares', 'create'],
    positional: 'kind',
    second: 'id',
    examples: [
      'boxswain shares create workspace WORKSPACE_ID --with user:ada',
      'boxswain shares create session SESSION_ID --with team:crew --access write',
    ],
  },
  async run({ kind, id, with: grantee, access }, { hub, caller }) {
    requireTaskScope(kind === 'workspace' ? 'sandbox' : 'sessions', 'write', caller);
    const to = granteeOf(grantee);
    return viewShare(await hub.shares.create({ kind, target: id, ...to, access }, caller));
  },
});

export const shareList = defineOperation({
  ...shared,
  name: 'share_list',
  title: 'List shares',
  description: 'List what you share, or what others share with you, newest first.',
  input: z.strictObject({
    received: z.boolean().default(false).describe('what others share with you'),
    kind: kind.optional().describe('only what is of this kind'),
    id: z.string().max(128).optional().describe('only of this workspace or session'),
    ...page,
  }),
  output: z.looseObject({ shares: z.array(shareOutput), next_cursor: z.string().nullable() }),
  hints: { ...hints, readOnly: true },
  scope: 'any:read',
  cli: { words: ['shares', 'list'], examples: ['boxswain shares list', 'boxswain shares list --received'] },
  async run({ received, kind, id, ...paging }, { hub, caller }) {
    if (received) {
      const granted = await hub.shares.granted(caller, kind);
      const wanted = granted.filter(({ target }) => id === undefined || target === id);
      return { shares: wanted.map(viewShare), next_cursor: null };
    }
    const found = await hub.shares.list({ ...paging, kind, target: id }, caller);
    return { shares: found.rows.map(viewShare), next_cursor: found.nextCursor };
  },
});

export const shareRevoke = defineOperation({
  ...shared,
  name: 'share_revoke',
  title: 'Revoke a share',
  description: 'End a share. Calls after that answer as if the handle had never existed.',
  input: z.strictObject({ share_id: z.string().max(128).describe('handle of the share') }),
  output: z.looseObject({ share_id: z.string(), revoked: z.boolean() }),
  hints: { ...hints, destructive: true },
  scope: 'any:write',
  cli: { words: ['shares', 'revoke'], positional: 'share_id', examples: ['boxswain shares revoke SHARE_ID'] },
  async run({ share_id }, { hub, caller }) {
    await hub.shares.revoke(share_id, caller);
    return { share_id, revoked: true };
  },
});

const TEAM = 'team:';

function granteeOf(text: string): { granteeKind: 'caller' | 'team'; grantee: string } {
  if (!text.startsWith(TEAM)) return { granteeKind: 'caller', grantee: text };
  const grantee = text.slice(TEAM.length);
  if (grantee === '') throw badArgument('with', 'names no team', 'write team:NAME');
  return { granteeKind: 'team', grantee };
}

const viewShare = ({ id, kind, target, owner, granteeKind, grantee, access, createdAt }: ShareRecord) => ({
  share_id: id,
  kind,
  id: target,
  shared_by: owner,
  with: granteeKind === 'team' ? `${TEAM}${grantee}` : grantee,
  access,
  created_at: iso(createdAt),
});
