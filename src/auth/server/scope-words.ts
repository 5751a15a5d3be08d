const WORDS: Readonly<Record<string, string>> = {
  'sandbox:read': 'look at your workspaces, their files and results',
  'sandbox:write': 'run code in your workspaces and change their files',
  'sessions:read': 'read what you and coding agents say, now and in the past',
  'sessions:write': 'start and direct coding agents, and answer for you what they ask leave for',
  'fleet:read': 'look at your agents wherever they run',
  'fleet:write': 'start, direct and stop your agents wherever they run',
  'codegen:read': 'look at runs of Codegen',
  'codegen:write': 'start and direct runs of Codegen',
  'mcp:tools': 'use every tool: run code, change files, and start and direct coding agents in your name',
  admin: 'do everything here, also what operators do: change settings, workers and the tokens of others',
  openid: 'know your user name',
  offline_access: 'go on while you are away',
};

/** What a scope lets a client do, for the person who is to allow it. */
export const meaningOf = (scope: string): string => WORDS[scope] ?? scope;
