import { z } from 'zod';
import { FAKE_TIME, type FakeChat, type FakeFleet } from './fleet.ts';
import { type Answer, type Asked, type Handler, invalid, notFound, notUuid, wordsOf } from './routes.ts';

const textContent = z.array(z.object({ type: z.literal('text'), text: z.string() })).min(1);
const newChat = z.object({
  organization_id: z.string(),
  content: textContent,
  workspace_id: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
});
const newMessage = z.object({ content: textContent, busy_behavior: z.enum(['queue', 'interrupt']).optional() });
const change = z.object({ archived: z.boolean().optional(), title: z.string().optional() });

function chatBody(chat: FakeChat, fleet: FakeFleet): Record<string, unknown> {
  return {
    id: chat.id,
    owner_id: fleet.user(chat.owner)?.id,
    owner_username: chat.owner,
    organization_id: chat.organizationId,
    title: chat.title,
    status: chat.status,
    archived: chat.archived,
    labels: chat.labels,
    workspace_id: chat.workspaceId,
    agent_id: chat.agentId,
    last_error:
      chat.lastError === undefined ? undefined : { message: chat.lastError, kind: 'generic', retryable: false },
    children: chat.children.map(child => chatBody(child, fleet)),
    created_at: chat.createdAt,
    updated_at: chat.updatedAt,
  };
}

const messageBody = ({ id, role, content }: FakeChat['messages'][number], chat: FakeChat) => ({
  id,
  role,
  content,
  chat_id: chat.id,
  created_at: FAKE_TIME,
});

const onChat =
  (act: (chat: FakeChat, asked: Asked) => Answer): Handler =>
  asked => {
    const { chat: id = '' } = asked.parameters;
    const chat = asked.fleet.everyChat().find(each => each.id === id);
    return notUuid(id) ?? (chat ? act(chat, asked) : notFound);
  };

const isBusy = ({ status }: FakeChat): boolean =>
  ['pending', 'running', 'interrupting', 'requires_action'].includes(status);

export const chatRoutes: Readonly<Record<string, Handler>> = {
  'get /api/experimental/chats': ({ fleet, url }) => {
    const archived = wordsOf(url).archived === 'true';
    const labels = url.searchParams.getAll('label').map(label => {
      const at = label.indexOf(':');
      return [label.slice(0, at), label.slice(at + 1)] as const;
    });
    const found = fleet.chats
      .filter(chat => chat.archived === archived)
      .filter(chat => labels.every(([key, value]) => chat.labels[key] === value));
    return { status: 200, body: found.map(chat => chatBody(chat, fleet)) };
  },
  'post /api/experimental/chats': ({ fleet, body }) => {
    const { content, organization_id: organizationId, workspace_id: workspaceId, labels = {} } = newChat.parse(body);
    if (organizationId !== fleet.organizationId) return invalid('Organization not found.');
    const chat = fleet.addChat({ status: 'running', workspaceId, labels, title: 'New chat', organizationId });
    fleet.say(chat, 'user', content);
    return { status: 201, body: chatBody(chat, fleet) };
  },
  'get /api/experimental/chats/{chat}': onChat((chat, { fleet }) => ({ status: 200, body: chatBody(chat, fleet) })),
  'patch /api/experimental/chats/{chat}': onChat((chat, { body }) => {
    Object.assign(chat, change.parse(body));
    return { status: 204 };
  }),
  'get /api/experimental/chats/{chat}/messages': onChat((chat, { url }) => {
    const limit = Number(url.searchParams.get('limit') ?? 50);
    const before = Number(url.searchParams.get('before_id') ?? Number.POSITIVE_INFINITY);
    const older = chat.messages.filter(({ id }) => id < before).sort((a, b) => b.id - a.id);
    const messages = older.slice(0, limit).map(message => messageBody(message, chat));
    return { status: 200, body: { messages, has_more: older.length > limit, queued_messages: [] } };
  }),
  'post /api/experimental/chats/{chat}/messages': onChat((chat, { fleet, body }) => {
    const { content, busy_behavior: behavior = 'queue' } = newMessage.parse(body);
    const queued = isBusy(chat) && behavior === 'queue';
    const message = fleet.say(chat, 'user', content);
    chat.status = 'running';
    return { status: 200, body: { message: messageBody(message, chat), queued } };
  }),
  'get /api/experimental/chats/{chat}/prompts': onChat(chat => {
    const prompts = chat.messages
      .filter(({ role }) => role === 'user')
      .map(({ id, content }) => ({ id, text: content.map(({ text }) => String(text)).join('') }));
    return { status: 200, body: { prompts: prompts.reverse() } };
  }),
  'post /api/experimental/chats/{chat}/interrupt': onChat((chat, { fleet }) => {
    if (isBusy(chat)) chat.status = 'waiting';
    return { status: 200, body: chatBody(chat, fleet) };
  }),
};
