import type { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { UpstreamFailure } from '../http/failures.ts';
import type { ChatsApi } from './chats-api.ts';
import { aboutWorkspace, mayBeDone } from './failures.ts';
import type { buildSchema, UpstreamWorkspace } from './upstream.ts';
import type { WorkspacesApi } from './workspaces-api.ts';

type Build = z.output<typeof buildSchema>;

/**
 * Deletes a workspace once: one that is being deleted or gone is left as it is, and when the answer to the order was lost, the workspace
 * is looked at instead of ordering again. WORKSPACE_NOT_FOUND, AGENT_NOT_READY while another build is under way, NETWORK_ERROR.
 */
export async function deleteWorkspace(
  workspaceId: string,
  { workspaces, chats, signal }: { workspaces: WorkspacesApi; chats: ChatsApi | null; signal: AbortSignal },
): Promise<{ workspaceId: string; data: Record<string, unknown> }> {
  const workspace = await workspaces.get(workspaceId, signal);
  const build = deletionOf(workspace) ?? (await ordered(workspaceId, { workspaces, signal }));
  const archived = chats === null ? {} : await archiveChats(workspaceId, { chats, signal });
  const data = { workspace_id: workspaceId, workspace_name: workspace.name, build_id: build.id, status: build.status };
  return { workspaceId, data: { ...data, ...archived } };
}

/** The build that deletes it, unless it failed. */
function deletionOf({ latest_build: build }: UpstreamWorkspace): Build | undefined {
  const isDeletion = build?.transition === 'delete' && build.status !== 'failed' && build.status !== 'canceled';
  return isDeletion ? build : undefined;
}

async function ordered(
  workspaceId: string,
  { workspaces, signal }: { workspaces: WorkspacesApi; signal: AbortSignal },
): Promise<Build> {
  try {
    const byStatus = aboutWorkspace(workspaceId);
    return await workspaces.build(workspaceId, { transition: 'delete', byStatus, signal });
  } catch (error) {
    const isUnderWay = error instanceof UpstreamFailure && error.status === 409;
    if (!mayBeDone(error) && !isUnderWay) throw error;
    const build = deletionOf(await workspaces.get(workspaceId, signal));
    if (build) return build;
    if (!isUnderWay) throw error;
    throw new AppError('AGENT_NOT_READY', `Workspace ${workspaceId} is being changed by another build`, {
      details: { workspace_id: workspaceId, status_code: 409 },
    });
  }
}

/** Chats outlive their workspaces. That of one which cannot be archived is told of: the workspace is being deleted all the same. */
async function archiveChats(
  workspaceId: string,
  { chats, signal }: { chats: ChatsApi; signal: AbortSignal },
): Promise<Record<string, unknown>> {
  const all = await chats.list({ signal });
  const bound = all.filter(chat => chat.workspace_id === workspaceId && chat.archived !== true);
  const ends = await Promise.allSettled(
    bound.map(({ id }) => chats.change({ user: 'me', id }, { body: { archived: true }, signal })),
  );
  const failed = bound.filter((_, index) => ends[index]?.status === 'rejected').map(({ id }) => id);
  return {
    archived_chats: bound.map(({ id }) => id).filter(id => !failed.includes(id)),
    ...(failed.length === 0 ? {} : { chats_not_archived: failed }),
  };
}
