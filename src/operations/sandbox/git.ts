import { z } from 'zod';
import { badArgument } from '../arguments.ts';
import { defineOperation } from '../define.ts';
import { wait, word, ws } from './inputs.ts';
import { cloneOutput, commitOutput } from './outputs.ts';
import { optionalPath, relativePath } from './paths.ts';
import { runJob } from './run-job.ts';

const CLONE_TIMEOUT_SECONDS = 300;
const COMMIT_TIMEOUT_SECONDS = 120;
/** `git_commit` has no `wait_seconds`: it waits as long as any call may. */
const COMMIT_WAIT_SECONDS = 300;

/** git writes the name into one line of the commit. */
const author = z
  .string()
  .min(1)
  .max(255)
  .refine(text => !/[\0\r\n<>]/.test(text), 'must be one line without "<" and ">"')
  .optional()
  .describe('default: that of Boxswain');

/** A branch that looks like an option must not become one. */
const branch = z
  .string()
  .max(255)
  .refine(name => /^[^-\0\s][^\0\s]*$/.test(name), 'must be the name of a branch')
  .optional()
  .describe('branch or tag; default: that of the repository');

export const gitClone = defineOperation({
  name: 'git_clone',
  aliases: ['git.clone'],
  toolset: 'sandbox',
  title: 'Clone repository',
  description: 'Clone a git repository over https. Makes a workspace if none is given; it lives 1 h unused.',
  input: z.strictObject({
    ...ws,
    url: z.string().min(1).max(2048).describe('https URL without credentials'),
    path: z.string().optional().describe('directory to clone into; default: the name of the repository'),
    branch,
    depth: z.int().min(0).default(1).meta({ brief: '0: all', description: 'commits of history; 0: all' }),
    ...wait(CLONE_TIMEOUT_SECONDS),
  }),
  output: cloneOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: true },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'clone'],
    positional: 'url',
    examples: ['boxswain sandbox clone https://github.com/octocat/Hello-World.git'],
  },
  run(input, context) {
    checkUrl(input.url);
    const path = optionalPath(input.path);
    return runJob(
      {
        operation: 'git_clone',
        input,
        mayCreate: true,
        usualTimeoutSeconds: CLONE_TIMEOUT_SECONDS,
        render: 'clone',
        output: cloneOutput,
        job: timeoutSeconds => ({
          kind: 'git_clone',
          url: input.url,
          path,
          branch: input.branch,
          depth: input.depth,
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

export const gitCommit = defineOperation({
  name: 'git_commit',
  aliases: ['git.commit'],
  toolset: 'sandbox',
  title: 'Commit changes',
  description: 'Commit changes in a git repository.',
  input: z.strictObject({
    ...ws,
    message: word.min(1).max(65_536).describe('commit message'),
    path: z.string().default('').meta({ brief: 'repository', description: 'directory of the repository' }),
    add: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .meta({ brief: 'default: all', description: 'paths to commit; default: all changes' }),
    author_name: author,
    author_email: author,
  }),
  output: commitOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'commit'],
    positional: 'message',
    examples: [`boxswain sandbox commit 'Fix the greeting' --path hello --workspace ID`],
  },
  run(input, context) {
    const path = relativePath(input.path);
    const add = input.add?.map(relativePath);
    return runJob(
      {
        operation: 'git_commit',
        input: { workspace_id: input.workspace_id, wait_seconds: COMMIT_WAIT_SECONDS },
        mayCreate: false,
        usualTimeoutSeconds: COMMIT_TIMEOUT_SECONDS,
        render: 'commit',
        output: commitOutput,
        job: timeoutSeconds => ({
          kind: 'git_commit',
          message: input.message,
          path,
          add,
          authorName: input.author_name,
          authorEmail: input.author_email,
          timeoutSeconds,
        }),
      },
      context,
    );
  },
});

/** The form only; which hosts are allowed the operator's list says, where the job runs. */
function checkUrl(text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw badArgument('url', 'must be an https URL', 'use the https URL of the repository');
  }
  if (url.username !== '' || url.password !== '') {
    throw badArgument('url', 'must not hold credentials', 'leave user and password out of the URL');
  }
}
