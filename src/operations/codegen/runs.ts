import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../define.ts';
import { idem } from '../sandbox/inputs.ts';
import { failureOf } from './envelope.ts';
import { agentRunId, query, reads, repo, starting, startOf, starts } from './inputs.ts';
import { logsOutput, pageOutput, startedOutput, taskOutput } from './outputs.ts';
import { logsText, pageText, startedText, taskText } from './texts.ts';

/** How the command line goes on until a run has ended. */
const untilEnded = {
  tool: 'codegen_task_status',
  argumentsOf: ({ task_id }: Record<string, unknown>) => ({ task_id, wait_seconds: 20 }),
  isOver: ({ state }: Record<string, unknown>) => state !== 'active',
} as const;

export const codegenNew = defineOperation({
  name: 'codegen_new',
  aliases: ['new', 'codegenapi_new'],
  toolset: 'codegen',
  title: 'Start a Codegen run',
  description: 'Start a cloud agent run. Follow it with codegen_task_status.',
  input: z.strictObject({
    query,
    repo: repo.optional(),
    branch: z.string().max(500).optional().describe('branch to work on'),
    pr: z.int().min(1).optional().describe('number of a pull request'),
    ...starting,
    model: z.string().max(200).optional().describe('model to use'),
    agent_type: z.enum(['codegen', 'claude_code']).optional().describe('kind of agent'),
    ...idem,
  }),
  output: startedOutput,
  hints: starts,
  scope: 'codegen:write',
  failure: failureOf('new'),
  cli: {
    words: ['codegen', 'new'],
    alias: ['new'],
    awaits: untilEnded,
    prints: startedText('started'),
    examples: ['boxswain new --repo owner/name --task CREATE_PLAN --query "Plan the structure of the codebase"'],
  },
  run: (input, { hub, caller, signal }) =>
    hub.codegen.starts
      .start(
        {
          ...startOf(input),
          repo: input.repo,
          branch: input.branch,
          pr: input.pr,
          model: input.model,
          agentType: input.agent_type,
        },
        { caller, signal },
      )
      .then(output => ({ status: 'success', ...output })),
});

export const codegenResume = defineOperation({
  name: 'codegen_resume',
  aliases: ['resume', 'codegenapi_resume'],
  toolset: 'codegen',
  title: 'Resume a Codegen run',
  description: 'Give a COMPLETE run a further prompt.',
  input: z.strictObject({ agent_run_id: agentRunId, query, ...starting, ...idem }),
  output: startedOutput,
  hints: starts,
  scope: 'codegen:write',
  failure: failureOf('resume'),
  cli: {
    words: ['codegen', 'resume'],
    alias: ['resume'],
    awaits: untilEnded,
    prints: startedText('resumed'),
    examples: ['boxswain resume --agent-run-id 11745 --query "Now write the tests"'],
  },
  run: (input, { hub, caller, signal }) =>
    hub.codegen.starts
      .resume({ ...startOf(input), agentRunId: input.agent_run_id }, { caller, signal })
      .then(output => ({ status: 'success', ...output })),
});

export const codegenTaskStatus = defineOperation({
  name: 'codegen_task_status',
  aliases: ['task_status', 'codegenapi_task_status', 'codegenapi_get_agent_run'],
  toolset: 'codegen',
  title: 'Get the status of a Codegen run',
  description: 'State and result of a task or run: active, then completed, failed or cancelled.',
  input: z.strictObject({
    task_id: z.string().max(128).optional().describe('handle of the task'),
    agent_run_id: agentRunId.optional(),
    wait_seconds: z.int().min(0).max(300).default(0).describe('seconds to wait for a change of state'),
  }),
  output: taskOutput,
  hints: reads,
  scope: 'codegen:read',
  failure: failureOf('task_status'),
  cli: {
    words: ['codegen', 'status'],
    prints: taskText,
    positional: 'task_id',
    examples: ['boxswain codegen status TASK_ID', 'boxswain codegen status --agent-run-id 11745'],
  },
  async run({ task_id, agent_run_id, wait_seconds: waitSeconds }, { hub, caller, signal }) {
    const call = { waitSeconds, caller, signal };
    if (task_id !== undefined && agent_run_id === undefined)
      return { status: 'success', ...(await hub.codegen.reads.task(task_id.toLowerCase(), call)) };
    if (agent_run_id !== undefined && task_id === undefined)
      return { status: 'success', ...(await hub.codegen.reads.run(agent_run_id, call)) };
    throw task_id === undefined
      ? new AppError('VALIDATION_ERROR', 'Missing required argument: task_id', { hint: 'or give agent_run_id' })
      : new AppError('VALIDATION_ERROR', 'Invalid request: give either task_id or agent_run_id');
  },
});

export const codegenList = defineOperation({
  name: 'codegen_list',
  aliases: ['list', 'codegenapi_list'],
  toolset: 'codegen',
  title: 'List Codegen runs',
  description: 'List runs of the organization, newest first.',
  input: z.strictObject({
    status: z.string().min(1).max(64).optional().describe('such as running, completed, failed or cancelled'),
    repo: repo.optional(),
    limit: z.int().min(1).max(100).default(20).describe('most runs to return'),
    skip: z.int().min(0).default(0).describe('runs to leave out'),
    source_type: z.string().max(64).optional().describe('such as API, SLACK or GITHUB'),
    user_id: z.int().optional().describe('only runs of this user'),
    orchestrator_run_id: agentRunId.optional().describe('only children of this run'),
  }),
  output: pageOutput,
  hints: reads,
  scope: 'codegen:read',
  failure: failureOf('list'),
  cli: {
    words: ['codegen', 'list'],
    alias: ['list'],
    prints: pageText,
    examples: ['boxswain list --status running --limit 20', 'boxswain list --repo owner/name'],
  },
  async run({ source_type, user_id, orchestrator_run_id, ...query }, { hub, caller, signal }) {
    const wanted = {
      ...query,
      sourceType: source_type,
      userId: user_id,
      orchestratorRunId: orchestrator_run_id,
    };
    return { status: 'success', ...(await hub.codegen.reads.list(wanted, { caller, signal })) };
  },
});

export const codegenLogs = defineOperation({
  name: 'codegen_logs',
  aliases: ['logs', 'codegenapi_logs', 'codegenapi_get_agent_run_logs'],
  toolset: 'codegen',
  title: 'Read the logs of a Codegen run',
  description: 'What an agent thought and did, step by step.',
  input: z.strictObject({
    agent_run_id: agentRunId,
    skip: z.int().min(0).default(0).describe('entries to leave out'),
    limit: z.int().min(1).max(100).default(100).describe('most entries to return'),
    reverse: z.boolean().default(false).describe('newest first'),
  }),
  output: logsOutput,
  hints: reads,
  scope: 'codegen:read',
  failure: failureOf('logs'),
  cli: {
    words: ['codegen', 'logs'],
    alias: ['logs'],
    prints: logsText,
    followsRun: true,
    examples: ['boxswain logs --agent-run-id 11745', 'boxswain logs --agent-run-id 11745 --follow'],
  },
  async run({ agent_run_id, ...query }, { hub, signal }) {
    return { status: 'success', ...(await hub.codegen.reads.logs(agent_run_id, query, { signal })) };
  },
});
