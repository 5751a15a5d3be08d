import { z } from 'zod';
import type { NewSession } from '../../hub/sessions/session-desk.ts';
import { badArgument } from '../arguments.ts';
import type { OperationContext } from '../operation.ts';
import { sessionId } from './inputs.ts';

/** For sessions that direct others. Accepted and documented, and not shown to models that direct none. */
export const parent = {
  parent_session_id: sessionId.optional().meta({
    hidden: true,
    description: 'session that begins this one, and hears child.idle and child.ended events of it',
  }),
  when_done: z
    .enum(['event', 'prompt'])
    .optional()
    .meta({ hidden: true, description: 'what the parent gets at the end of a turn: an event, or a prompt too' }),
};

interface Given {
  readonly parent_session_id?: string;
  readonly when_done?: 'event' | 'prompt';
}

/** Throws SESSION_NOT_FOUND for a parent that is unknown or foreign. */
export async function parentOf(
  { parent_session_id, when_done }: Given,
  { hub, caller }: Pick<OperationContext, 'hub' | 'caller'>,
): Promise<Pick<NewSession, 'parentId' | 'whenDone'>> {
  if (parent_session_id === undefined) {
    if (when_done === undefined) return {};
    throw badArgument('when_done', 'goes with parent_session_id', 'name the parent, or leave it out');
  }
  const { id } = await hub.sessions.desk.find(parent_session_id, caller);
  return { parentId: id, ...(when_done && { whenDone: when_done }) };
}
