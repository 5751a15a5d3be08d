import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Caller } from '../../src/auth/caller.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { uploadOf } from '../../src/operations/sessions/uploads.ts';
import { eventually } from '../support/eventually.ts';
import type { Json, Stage } from './stage.ts';

/** Kinds of handles that a caller may have. */
export const kinds = [
  'workspace',
  'task',
  'artifact',
  'checkpoint',
  'session',
  'agentSession',
  'request',
  'message',
  'file',
  'share',
  'token',
  'hookToken',
  'key',
  'eventCursor',
  'listCursor',
  'stream',
  'agent',
  'slug',
] as const;
export type Kind = (typeof kinds)[number];
export type Handles = Readonly<Record<Kind, string>>;

/** Which arguments take which handles, over all operations; an array holds one of them. */
export const HANDLE_ARGUMENTS: Readonly<Record<string, Kind>> = {
  workspace_id: 'workspace',
  task_id: 'task',
  artifact_id: 'artifact',
  checkpoint_id: 'checkpoint',
  session_id: 'session',
  parent_session_id: 'session',
  request_id: 'request',
  at_message_id: 'message',
  before: 'message',
  attachments: 'file',
  share_id: 'share',
  token_id: 'token',
  sha256: 'hookToken',
  idempotency_key: 'key',
  after: 'eventCursor',
  cursor: 'listCursor',
  stream: 'stream',
  agent_id: 'agent',
  agent_ids: 'agent',
  handle: 'workspace',
  slug: 'slug',
};

/** Where an operation means something else by such a name. */
export const OTHERWISE: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  share_create: { id: 'workspace' },
  share_list: { id: 'workspace' },
  delete_agent_workspace: { workspace_id: 'workspace' },
};

/** They sound like handles of callers and are none: what they name is of the installation, or of the services that it uses. */
export const NOT_OF_CALLERS: ReadonlySet<string> = new Set([
  'worker_id',
  'agent_run_id',
  'orchestrator_run_id',
  'user_id',
  'workspace_name',
  'key',
  'if_sha256',
]);

/** Arguments that may be handles by their names. */
const SOUNDS_LIKE_ONE =
  /(?:^|_)(?:id|ids|cursor|token|handle|stream|key|before|after|sha256|slug|attachments|shares?|uploads?|files?_id|permission|code|grant)$/;

/** Arguments of these names are content. */
const CONTENT: ReadonlySet<string> = new Set(['code']);

/** The handle arguments of an operation. Throws for one that nobody has said what it is. */
export function handleArguments(operation: Operation): Map<string, Kind> {
  const found = new Map<string, Kind>();
  for (const name of Object.keys(operation.input.shape)) {
    const kind = OTHERWISE[operation.name]?.[name] ?? HANDLE_ARGUMENTS[name];
    if (kind !== undefined) found.set(name, kind);
    else if (SOUNDS_LIKE_ONE.test(name) && !NOT_OF_CALLERS.has(name) && !CONTENT.has(name)) {
      throw new Error(
        `${operation.name} has the argument ${name}, which may be a handle: say what it is in test/isolation/handles.ts`,
      );
    }
  }
  return found;
}

/** As the argument takes it. */
export const asArgument = (name: string, handle: string): unknown => {
  if (name === 'attachments') return [{ fileId: handle }];
  return name === 'agent_ids' ? [handle] : handle;
};

/** Everything that a caller can have, made for it; `secret` stands in all that it says. */
export async function deposit(stage: Stage, caller: Caller, secret: string): Promise<Handles> {
  const { made } = stage;
  const workspace = String((await made(caller, 'workspace_create', { name: secret })).workspace_id);
  await made(caller, 'fs_write', { workspace_id: workspace, path: `${secret}.txt`, content: secret });
  const key = `key-${secret}`;
  const run = { workspace_id: workspace, command: `echo ${secret}`, wait_seconds: 0, idempotency_key: key };
  const task = String((await made(caller, 'run_command', run)).task_id);
  await made(caller, 'task_get_result', { task_id: task, wait_seconds: 60 });
  const upload = { workspace_id: workspace, name: `${secret}.bin`, content: secret };
  const artifact = String((await made(caller, 'artifact_upload', upload)).artifact_id);
  const checkpoint = String((await made(caller, 'workspace_checkpoint', { workspace_id: workspace })).checkpoint_id);

  const asks = `#say ${secret}\n#ask Bash {"command": "${secret}"}`;
  const cwd = join(stage.project, secret);
  await mkdir(cwd);
  const begun = { agent: 'scripted', cwd, title: secret, prompt: asks };
  const session = String((await made(caller, 'create_session', begun)).sessionId);
  const pending = async () => {
    const { permissions } = await made(caller, 'list_permissions', { session_id: session });
    return Array.isArray(permissions) ? permissions[0]?.requestId : undefined;
  };
  await eventually(async () => (await pending()) !== undefined);
  const request = String(await pending());
  const shown = await eventuallyHasMessages(stage, { caller, session });
  const file = uploadOf({ name: `${secret}.md`, contentType: 'text/markdown', bytes: Buffer.from(secret) });
  const { fileId } = await made(caller, file, { session_id: session });

  const shared = { kind: 'workspace', id: workspace, with: `nobody-${secret}` };
  const { share_id } = await made(caller, 'share_create', shared);
  const token = await made(caller, 'api_token_create', { name: secret, scopes: ['sandbox:read'] });
  const hook = await made(caller, 'hook_token_create');
  const { cursor } = await made(caller, 'poll_events', { stream: `workspace:${workspace}`, timeout_ms: 0 });
  for (const name of [`${secret}-2`, `${secret}-3`]) await made(caller, 'workspace_create', { name });
  const { next_cursor } = await made(caller, 'workspace_list', { limit: 1 });
  const { session: view } = await made(caller, 'get_session', { session_id: session });
  const { agentSessionId, projectSlug } = Object(view);
  return {
    ...{ workspace, task, artifact, checkpoint, session, request, key },
    agentSession: String(agentSessionId),
    message: String(shown),
    file: String(fileId),
    share: String(share_id),
    token: String(token.token_id),
    hookToken: String(await hashOf(String(hook.token))),
    eventCursor: String(cursor),
    listCursor: String(next_cursor),
    stream: `workspace:${workspace}`,
    agent: `local:${session}`,
    slug: String(projectSlug),
  };
}

async function eventuallyHasMessages(
  { made }: Stage,
  { caller, session }: { caller: Caller; session: string },
): Promise<string> {
  const first = async () => {
    const { messages } = await made(caller, 'get_session', { session_id: session });
    return Array.isArray(messages) ? messages[0]?.id : undefined;
  };
  await eventually(async () => (await first()) !== undefined);
  return String(await first());
}

async function hashOf(token: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('hex');
}

/** A handle of the same form that was never given out. */
export function neverExisted(like: string): string {
  const cursor = decoded(like);
  if (cursor !== undefined) return Buffer.from(neverExisted(cursor)).toString('base64url');
  const other = like
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, () => randomUUID())
    .replaceAll(/\b(ws|art|cp|up|sh|tok)_[0-9a-z]{24}\b/g, (_all, prefix) => `${prefix}_${letters(24)}`)
    .replaceAll(/\b[0-9a-f]{64}\b/g, () => randomBytes(32).toString('hex'));
  return other === like ? `${like.slice(0, -12)}${letters(12)}` : other;
}

/** Cursors of events hold the name of their stream. */
function decoded(text: string): string | undefined {
  const plain = Buffer.from(text, 'base64url').toString('utf8');
  return plain.startsWith('{"') ? plain : undefined;
}

const letters = (count: number): string =>
  Array.from(randomBytes(count), byte => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');

/** What an argument needs beside it. */
export const BESIDE: Readonly<Record<string, Json>> = { agent_ids: { stream: 'fleet' } };

/** What an operation needs beside handles. */
export const BASE: Readonly<Record<string, Json>> = {
  fs_read: { path: 'a.txt' },
  fs_write: { path: 'a.txt', content: 'x' },
  fs_edit: { path: 'a.txt', edits: [{ search: 'a', replace: 'b' }] },
  run_python: { code: 'print(1)' },
  run_command: { command: 'true' },
  pkg_install: { packages: ['left-pad'], manager: 'node' },
  test_run: {},
  git_clone: { url: 'https://github.com/owner/name' },
  git_commit: { message: 'x' },
  artifact_upload: { name: 'a.bin', content: 'x' },
  create_session: { agent: 'scripted', cwd: '/nowhere' },
  send_prompt: { text: 'x' },
  send_and_wait: { text: 'x', timeout_ms: 1000 },
  rename_session: { title: 'x' },
  respond_permission: { behavior: 'deny' },
  poll_events: { timeout_ms: 0 },
  search_sessions: { query: 'zz' },
  codegen_new: { query: 'x' },
  codegen_resume: { agent_run_id: 1, query: 'x' },
  create_new_agent_task: { prompt: 'x', workspace_name: '/nowhere' },
  send_input_to_agent: { input_text: 'x' },
  share_create: { kind: 'workspace', with: 'user:third' },
};
