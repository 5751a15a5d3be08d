import type { SessionTold } from '../../protocol/session-messages.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { AgentUpdate } from './driver.ts';
import type { Told } from './told.ts';

export type SessionEvent = SessionTold['events'][number];

/** What callers hear of an update of an agent. */
export function eventsOf(update: AgentUpdate, { sessionId }: { sessionId: string }): Told[] {
  switch (update.kind) {
    case 'message':
      return [{ event: { type: 'message.created', body: { message: plain(update.message) } } }];
    case 'part':
      return [
        {
          event: {
            type: 'message.part.updated',
            body: { messageId: update.part.messageId, part: plain(update.part) },
          },
        },
      ];
    case 'delta': {
      const { messageId, partId, delta } = update;
      return [{ event: { type: 'message.part.delta', body: { messageId, partId, delta } } }];
    }
    case 'part_completed': {
      const { messageId, partId } = update;
      return [{ event: { type: 'message.part.completed', body: { messageId, partId } } }];
    }
    case 'subagent': {
      const { partId, toolUseId, subagentType, description, state } = update;
      const body = { partId, toolUseId, subagentType, description };
      if (state === 'started') return [{ event: { type: 'task.started', body } }];
      return [{ event: { type: 'task.finished', body: { ...body, state } } }];
    }
    case 'title':
      return [changed(sessionId, { title: update.title })];
    case 'mode':
      return [changed(sessionId, { permissionMode: update.mode })];
    case 'model':
      return [changed(sessionId, { model: update.model })];
    case 'usage':
      return [{ ...changed(sessionId, { usage: update.usage }) }];
  }
}

const changed = (sessionId: string, patch: SessionTold['patch']): Told => ({
  event: { type: 'session.updated', body: { session: { id: sessionId, ...plain(patch) } } },
  patch,
});

/** As plain JSON: fields that are undefined are left out. */
const plain = (value: object): JsonObject => JSON.parse(JSON.stringify(value));
