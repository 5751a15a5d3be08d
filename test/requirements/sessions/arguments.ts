/** An argument as the contract gives it. */
export interface Argument {
  readonly isRequired?: boolean;
  /** Accepted as the earlier system had it, and not shown to models. */
  readonly isHidden?: boolean;
  readonly default?: number | string;
  /** Of a number its size, of a text or list its length. Out of it is refused. */
  readonly bounds?: readonly [number, number];
  /** Out of it is taken for the nearest end. */
  readonly clamped?: readonly [number, number];
  readonly oneOf?: readonly string[];
  readonly kind?: 'text' | 'object' | 'list';
  /** What a list may hold. */
  readonly element?: unknown;
}

interface Tool {
  /** Read-only, destructive, idempotent, open-world. */
  readonly hints: string;
  readonly args: Readonly<Record<string, Argument>>;
}

const text = { kind: 'text' } as const;
const required = { ...text, isRequired: true } as const;
const hidden = { ...text, isHidden: true } as const;
const page = (usual: number, most: number) => ({ limit: { default: usual, bounds: [1, most] }, cursor: text }) as const;
const idempotency_key = { ...text, bounds: [1, 128] } as const;
const status = ['starting', 'idle', 'running', 'waiting_permission', 'parked', 'mirror', 'closed', 'failed'];
const modes = ['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions'];
const prompt = {
  session_id: required,
  text: { ...required, bounds: [1, 1_048_576] },
  cwd: hidden,
  slug: hidden,
  when_open: { oneOf: ['error', 'fork', 'queue', 'wait'], default: 'error' },
  when_busy: { oneOf: ['queue', 'interrupt', 'error'], default: 'queue' },
  attachments: { kind: 'list', element: { fileId: 'up_x' }, bounds: [0, 10], isHidden: true },
  idempotency_key,
} as const;

/** The 21 tools with their arguments; hidden ones are those that the earlier system asked for. */
export const tools: Readonly<Record<string, Tool>> = {
  list_projects: { hints: 'RI', args: { worker_id: text, agent: text, query: text, ...page(200, 1000) } },
  list_sessions: {
    hints: 'RI',
    args: {
      slug: text,
      worker_id: text,
      agent: text,
      status: { oneOf: status },
      query: text,
      since: {},
      ...page(50, 200),
    },
  },
  get_session: {
    hints: 'RI',
    args: {
      session_id: required,
      slug: hidden,
      limit: { default: 50, bounds: [1, 500] },
      before: text,
      max_part_chars: { default: 4000, bounds: [100, 100_000] },
    },
  },
  create_session: {
    hints: 'O',
    args: {
      slug: hidden,
      cwd: text,
      workspace_id: text,
      worker_id: text,
      agent: text,
      model: text,
      permission_mode: { oneOf: modes },
      title: text,
      prompt: text,
      idempotency_key,
    },
  },
  send_prompt: { hints: 'O', args: prompt },
  send_and_wait: { hints: 'O', args: { ...prompt, timeout_ms: { default: 120_000, clamped: [1000, 600_000] } } },
  abort_session: { hints: 'DI', args: { session_id: required } },
  dispose_session: { hints: 'DI', args: { session_id: required } },
  fork_session: {
    hints: '',
    args: { session_id: required, slug: hidden, at_message_id: text, title: text, idempotency_key },
  },
  rename_session: { hints: 'I', args: { session_id: required, title: required } },
  list_permissions: {
    hints: 'RI',
    args: { session_id: text, state: { oneOf: ['pending', 'all'], default: 'pending' }, ...page(50, 200) },
  },
  respond_permission: {
    hints: 'DI',
    args: {
      session_id: required,
      request_id: required,
      behavior: { oneOf: ['allow', 'deny'], isRequired: true },
      remember: { oneOf: ['once', 'session', 'always'], default: 'once' },
      message: text,
      updated_input: { kind: 'object' },
    },
  },
  list_agents_available: { hints: 'RI', args: { worker_id: text } },
  get_project_memory: {
    hints: 'RI',
    args: { slug: required, worker_id: text, include: { oneOf: ['memory', 'all'], default: 'memory' } },
  },
  search_sessions: {
    hints: 'RI',
    args: {
      query: { ...required, bounds: [2, 500] },
      slug: text,
      agent: text,
      role: { oneOf: ['user', 'assistant', 'tool'] },
      since: {},
      until: {},
      sort: { oneOf: ['recent', 'relevance'], default: 'recent' },
      ...page(20, 100),
    },
  },
  poll_events: {
    hints: 'R',
    args: {
      session_id: text,
      stream: text,
      after: text,
      timeout_ms: { default: 5000, clamped: [0, 30_000] },
      max_events: { default: 200, bounds: [1, 1000] },
      types: { kind: 'list' },
      agent_ids: { kind: 'list', isHidden: true },
      severity_min: { oneOf: ['info', 'warning', 'critical'], isHidden: true },
    },
  },
  get_health: { hints: 'RI', args: {} },
  get_health_details: { hints: 'RI', args: {} },
  get_state: { hints: 'RI', args: {} },
  update_state: { hints: 'I', args: { patch: { isRequired: true, kind: 'object' }, if_version: {} } },
  get_observability: { hints: 'RI', args: { slug: text, agent: text, since: {}, until: {} } },
};
