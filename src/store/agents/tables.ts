import type { Generated } from 'kysely';

/** Sessions with coding agents, and what belongs to them. */
export interface AgentTables {
  session: AgentSessionTable;
  turn: TurnTable;
  permission: PermissionTable;
  hook_token: HookTokenTable;
  terminal: TerminalTable;
  presence: PresenceTable;
  mirror: MirrorTable;
  caller_state: CallerStateTable;
  session_upload: SessionUploadTable;
}

/** A session with a coding agent. */
interface AgentSessionTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  agent: string;
  agent_session_id: string | null;
  worker: string;
  epoch: number;
  workspace_id: string | null;
  slug: string;
  cwd: string;
  title: string;
  model: string | null;
  permission_mode: string;
  status: string;
  status_reason: string | null;
  parent_id: string | null;
  forked_from: string | null;
  at_message_id: string | null;
  usage: string;
  message_count: number;
  metadata: string;
  /** Events that its worker has told in this epoch. */
  reported: number;
  /** The epoch of which its parent knows that it ended. */
  told_epoch: Generated<number>;
  created_at: number;
  updated_at: number;
  last_message_at: number | null;
}

/** A prompt that was accepted, and what became of it. */
interface TurnTable {
  ordinal: Generated<number>;
  id: string;
  session_id: string;
  caller: string;
  state: string;
  prompt: string;
  epoch: number | null;
  result: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  expires_at: number | null;
  /** What the parent of its session is still to hear of its end: 0: of it, 1: its prompt, 2: nothing; null: there is no parent. */
  notice: Generated<number | null>;
}

/** What an agent asked leave for. */
interface PermissionTable {
  ordinal: Generated<number>;
  id: string;
  session_id: string;
  caller: string;
  worker: string;
  epoch: number;
  source: string;
  tool_name: string;
  description: string;
  input: string;
  remember: string;
  state: string;
  answer: string | null;
  is_delivered: number;
  created_at: number;
  expires_at: number;
  resolved_at: number | null;
}

/** What hooks of terminals show: the token itself is not kept. */
interface HookTokenTable {
  hash: string;
  caller: string;
  created_at: number;
}

/** Sessions in terminals whose hooks reach this installation. */
interface TerminalTable {
  agent_session_id: string;
  caller: string;
  heard_at: number;
}

/** What each worker told last of sessions that users have open in terminals. */
interface PresenceTable {
  worker: string;
  open: string;
  told_at: number;
}

/** How far transcripts that others write were told as events; `is_open`: a turn that was told of has not ended. */
interface MirrorTable {
  session_id: string;
  position: string;
  is_open: number;
}

interface CallerStateTable {
  caller: string;
  version: number;
  state: string;
}

/** A file for prompts. */
interface SessionUploadTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  session_id: string;
  name: string;
  content_type: string;
  sha256: string;
  size_bytes: number;
  created_at: number;
}
