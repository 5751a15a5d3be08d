import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { wait, words, ws } from './inputs.ts';
import { lintOutput, testsOutput } from './outputs.ts';
import { optionalPath, relativePath } from './paths.ts';
import { runJob } from './run-job.ts';

const TEST_TIMEOUT_SECONDS = 300;
const LINT_TIMEOUT_SECONDS = 120;

export const testRun = defineOperation({
  name: 'test_run',
  aliases: ['test.run'],
  toolset: 'sandbox',
  title: 'Run tests',
  description: 'Run tests (pytest, unittest, vitest, jest, node); reports counts and failures.',
  input: z.strictObject({
    ...ws,
    framework: z
      .enum(['auto', 'pytest', 'unittest', 'vitest', 'jest', 'node'])
      .default('auto')
      .describe('auto: the one that the workspace uses'),
    path: z.string().optional().describe('file or directory with tests'),
    args: words.optional(),
    ...wait(TEST_TIMEOUT_SECONDS),
  }),
  output: testsOutput,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'test'],
    positional: 'path',
    examples: ['boxswain sandbox test --workspace ID', 'boxswain sandbox test tests/unit --framework pytest'],
  },
  run(input, context) {
    const path = optionalPath(input.path);
    return runJob(
      {
        operation: 'test_run',
        input,
        mayCreate: false,
        usualTimeoutSeconds: TEST_TIMEOUT_SECONDS,
        render: 'tests',
        output: testsOutput,
        job: timeoutSeconds => ({
          kind: 'test',
          framework: input.framework,
          path,
          args: input.args ?? [],
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

export const lintCheck = defineOperation({
  name: 'lint_check',
  aliases: ['lint.check'],
  toolset: 'sandbox',
  title: 'Check code',
  description: 'Run the linters and type checkers that are installed.',
  input: z.strictObject({
    ...ws,
    tools: z
      .array(z.enum(['ruff', 'mypy', 'eslint', 'tsc']))
      .optional()
      .describe('default: all that are there'),
    paths: z.array(z.string()).optional().describe('files and directories to check; default: all'),
    ...wait(LINT_TIMEOUT_SECONDS),
  }),
  output: lintOutput,
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'lint'],
    positional: 'paths',
    variadic: true,
    examples: ['boxswain sandbox lint --workspace ID', 'boxswain sandbox lint --tools ruff --workspace ID src'],
  },
  run(input, context) {
    const paths = (input.paths ?? []).map(relativePath);
    return runJob(
      {
        operation: 'lint_check',
        input,
        mayCreate: false,
        usualTimeoutSeconds: LINT_TIMEOUT_SECONDS,
        render: 'lint',
        output: lintOutput,
        job: timeoutSeconds => ({ kind: 'lint', tools: input.tools, paths, timeoutSeconds }),
      },
      context,
    );
  },
});
