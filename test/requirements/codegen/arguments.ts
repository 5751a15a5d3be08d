import type { ToolArguments } from '../tool-arguments.ts';

interface Tool extends ToolArguments {
  readonly aliases: readonly string[];
  /** Read-only, destructive, idempotent, open-world. */
  readonly hints: string;
}

const runId = { refused: ['seven', -1, 1.5, true] };
const text = { refused: [7] };
const image = 'data:image/png;base64,AA==';
const starting = {
  query: { refused: ['', 'x'.repeat(100_001), 7] },
  task: text,
  metadata: { refused: ['text', [1], { big: 'x'.repeat(16_384) }] },
  orchestrator_run_id: runId,
  images: { refused: [image, ['https://example.com/a.png'], Array.from({ length: 6 }, () => image)] },
  idempotency_key: { refused: ['', 'x'.repeat(129), 7] },
};
const repo = { refused: ['nobody', 'a/b/c', '/b', 'a b/c', 7] };
const page = (usual: number) => ({
  skip: { default: 0, refused: [-1, 0.5, 'none'] },
  limit: { default: usual, refused: [0, 101, 1.5] },
});

/** The six tools. */
export const tools: Readonly<Record<string, Tool>> = {
  codegen_new: {
    aliases: ['new', 'codegenapi_new'],
    hints: 'O',
    required: { query: 'x' },
    args: {
      ...starting,
      repo,
      branch: text,
      pr: { refused: ['nine', 1.5] },
      model: text,
      agent_type: { refused: ['parrot', 7] },
    },
  },
  codegen_resume: {
    aliases: ['resume', 'codegenapi_resume'],
    hints: 'O',
    required: { agent_run_id: 1, query: 'x' },
    args: { ...starting, agent_run_id: runId },
  },
  codegen_task_status: {
    aliases: ['task_status', 'codegenapi_task_status', 'codegenapi_get_agent_run'],
    hints: 'RIO',
    required: {},
    args: { task_id: text, agent_run_id: runId, wait_seconds: { default: 0, refused: [-1, 301, 0.5] } },
  },
  codegen_list: {
    aliases: ['list', 'codegenapi_list'],
    hints: 'RIO',
    required: {},
    args: {
      ...page(20),
      status: text,
      repo,
      source_type: text,
      user_id: { refused: ['me', 1.5] },
      orchestrator_run_id: runId,
    },
  },
  codegen_logs: {
    aliases: ['logs', 'codegenapi_logs', 'codegenapi_get_agent_run_logs'],
    hints: 'RIO',
    required: { agent_run_id: 1 },
    args: { ...page(100), agent_run_id: runId, reverse: { default: false, refused: ['yes', 1] } },
  },
  codegen_config: {
    aliases: ['config', 'codegenapi_config'],
    hints: 'I',
    required: { action: 'get', key: 'org_id' },
    args: { action: { refused: ['drop', 7] }, key: { refused: ['http.port', 7] }, value: text },
  },
};
