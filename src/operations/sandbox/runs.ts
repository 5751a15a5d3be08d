import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { env, idem, wait, word, words, ws } from './inputs.ts';
import { runOutput } from './outputs.ts';
import { optionalPath, relativePath } from './paths.ts';
import { type JobCall, runJob } from './run-job.ts';

const TIMEOUT_SECONDS = 120;
const hints = { readOnly: false, destructive: true, idempotent: false, openWorld: true };
const stdin = z.string().optional().describe('standard input');

export const runPython = defineOperation({
  name: 'run_python',
  aliases: ['run.python'],
  toolset: 'sandbox',
  title: 'Run Python',
  description:
    'Run Python code or file in the sandbox. A context keeps variables between calls. Makes a workspace for code if none is given; it lives 1 h unused.',
  input: z
    .strictObject({
      ...ws,
      code: z.string().optional().meta({ brief: 'or file', description: 'code to run; either this or file' }),
      file: z.string().optional().describe('file of the workspace to run'),
      args: words.optional(),
      stdin,
      env: env.optional().describe('environment variables of this run'),
      context: z
        .string()
        .regex(/^[a-zA-Z0-9_-]{1,64}$/)
        .optional()
        .describe('name of an interpreter that keeps its variables between calls; only with code, without args'),
      ...wait(TIMEOUT_SECONDS),
      ...idem,
    })
    .refine(({ code, file }) => (code === undefined) !== (file === undefined), {
      error: "must provide either 'code' or 'file' parameter",
    })
    .refine(({ context, code }) => context === undefined || code !== undefined, {
      error: 'may only be used with code',
      path: ['context'],
    })
    .refine(({ context, args }) => context === undefined || args === undefined || args.length === 0, {
      error: 'may not be combined with args',
      path: ['context'],
    }),
  output: runOutput,
  hints,
  scope: 'sandbox:write',
  ordered: true,
  core: true,
  cli: {
    words: ['sandbox', 'python'],
    positional: 'code',
    exitsWithProgram: true,
    examples: [
      `boxswain sandbox python 'print(2 + 2)'`,
      'boxswain sandbox python --file main.py --args fast --workspace ID',
    ],
  },
  run(input, context) {
    const file = optionalPath(input.file);
    return runJob(
      {
        operation: 'run_python',
        input,
        mayCreate: input.code !== undefined,
        usualTimeoutSeconds: TIMEOUT_SECONDS,
        render: 'run',
        output: runOutput,
        soFar,
        job: timeoutSeconds => ({
          kind: 'python',
          code: input.code,
          file,
          args: input.args ?? [],
          stdin: input.stdin,
          env: input.env ?? {},
          context: input.context,
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

export const runCommand = defineOperation({
  name: 'run_command',
  aliases: ['run.command'],
  toolset: 'sandbox',
  title: 'Run command',
  description:
    'Run a command in the sandbox: a string in bash, a list without shell. Makes a workspace if none is given; it lives 1 h unused.',
  input: z.strictObject({
    ...ws,
    command: z
      .union([word.min(1), words.min(1)], { error: 'must be a string or a list of strings, not empty' })
      .describe('a string for bash, or a list that runs without a shell'),
    cwd: z.string().default('').describe('directory to run in, relative to the workspace root'),
    env: env.optional().describe('environment variables of this run'),
    stdin,
    ...wait(TIMEOUT_SECONDS),
    ...idem,
  }),
  output: runOutput,
  hints,
  scope: 'sandbox:write',
  ordered: true,
  core: true,
  cli: {
    words: ['sandbox', 'run'],
    positional: 'command',
    variadic: true,
    exitsWithProgram: true,
    examples: ['boxswain sandbox run --workspace ID -- ls -l', `boxswain sandbox run -- bash -c 'echo $HOME | wc -c'`],
  },
  run(input, context) {
    const cwd = relativePath(input.cwd);
    return runJob(
      {
        operation: 'run_command',
        input,
        mayCreate: true,
        usualTimeoutSeconds: TIMEOUT_SECONDS,
        render: 'run',
        output: runOutput,
        soFar,
        job: timeoutSeconds => ({
          kind: 'command',
          command: input.command,
          cwd,
          stdin: input.stdin,
          env: input.env ?? {},
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

/** A run that has not ended shows what it has put out until now. */
const soFar: JobCall<typeof runOutput>['soFar'] = ({ stdout, stderr, task }) => ({
  exit_code: null,
  signal: null,
  stdout,
  stderr,
  stdout_bytes: Buffer.byteLength(stdout),
  stderr_bytes: Buffer.byteLength(stderr),
  timed_out: false,
  truncated: false,
  duration_ms: task.startedAt === null ? 0 : Math.max(0, Date.now() - task.startedAt),
});
