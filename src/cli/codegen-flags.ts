import type { Command } from 'commander';

/** Where Codegen is and whose token is used, for one command; the token itself would show in the list of processes. */
export const codegenFlags = (command: Command): Command =>
  command
    .option('--api-token-file <file>', 'file of mode 0600 with the token for Codegen')
    .option('--org-id <number>', 'organization at Codegen')
    .option('--base-url <url>', 'address of the Codegen API');
