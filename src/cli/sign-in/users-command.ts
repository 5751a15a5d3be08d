import type { Command } from 'commander';
import type { UserRecord } from '../../store/sign-in/store.ts';
import { collect } from '../worker-token.ts';
import type { SignInCommands } from './auth-command.ts';
import { newPassword } from './password-input.ts';

type Typed = Record<string, unknown>;
const PASSWORD_FILE = 'file with the password; - reads standard input; left out: you are asked';

/** `boxswain users add|list|remove|passwd|lock|unlock`: who may sign in at the built-in authorization server. */
export function addUsers(users: Command, commands: SignInCommands): void {
  const { terminal, roles, flagsOf } = commands;
  const passwordOf = ({ passwordFile }: Typed) =>
    newPassword({ ...commands, file: typeof passwordFile === 'string' ? passwordFile : undefined });
  const print = (typed: Typed, output: object, text: string) =>
    terminal.out(`${typed.json === true ? JSON.stringify(output) : text}\n`);
  users
    .command('add')
    .argument('<name>', 'lower-case letters, digits, dots, hyphens and underscores')
    .description('let somebody sign in')
    .option('--scopes <scopes>', 'the most that tokens of this user give, by comma', 'mcp:tools')
    .option('--team <team>', 'team that workspaces and sessions can be shared with; may be repeated', collect)
    .option('--password-file <file>', PASSWORD_FILE)
    .option('--json', 'print the user as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  boxswain users add ada\n  boxswain users add bob --scopes sandbox:write,sessions:read --team web --password-file bob.txt',
    )
    .action(async (name: string, typed: Typed, command: Command) => {
      const password = await passwordOf(typed);
      const scopes = String(typed.scopes)
        .split(',')
        .map(scope => scope.trim());
      const teams = Array.isArray(typed.team) ? typed.team.map(String) : [];
      await using opened = await roles.openUsers(flagsOf(command));
      await opened.add({ name, password, scopes, teams });
      print(typed, { name, scopes, teams }, `${name} may sign in, with ${scopes.join(', ')}`);
    });
  users
    .command('list')
    .description('list who may sign in')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain users list --json')
    .action(async (typed: Typed, command: Command) => {
      await using opened = await roles.openUsers(flagsOf(command));
      const all = (await opened.list()).map(viewOf);
      print(
        typed,
        { users: all },
        all.length === 0 ? 'no users yet: boxswain users add NAME' : all.map(lineOf).join('\n'),
      );
    });
  users
    .command('passwd')
    .argument('<name>')
    .description('set another password; the user is signed out everywhere')
    .option('--password-file <file>', PASSWORD_FILE)
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain users passwd ada')
    .action(async (name: string, typed: Typed, command: Command) => {
      const password = await passwordOf(typed);
      await using opened = await roles.openUsers(flagsOf(command));
      await opened.setPassword(name, password);
      print(typed, { name }, `${name} has another password and is signed out everywhere`);
    });
  const changes = {
    remove: {
      does: 'remove',
      what: 'take a user away, with all tokens; what is theirs stays and belongs to nobody',
      done: 'is removed',
    },
    lock: { does: 'lock', what: 'let a user sign in no more, and end all sessions and tokens', done: 'is locked' },
    unlock: {
      does: 'unlock',
      what: 'let a user sign in again, also after too many failed attempts',
      done: 'may sign in again',
    },
  } as const;
  for (const { does, what, done } of Object.values(changes)) {
    users
      .command(does)
      .argument('<name>')
      .description(what)
      .option('--json', 'print the outcome as JSON')
      .addHelpText('after', `\nExamples:\n  boxswain users ${does} ada`)
      .action(async (name: string, typed: Typed, command: Command) => {
        await using opened = await roles.openUsers(flagsOf(command));
        await opened[does](name);
        print(typed, { name }, `${name} ${done}`);
      });
  }
}

function viewOf({ name, scopes, teams, isLocked, blockedUntil, createdAt, signedInAt }: UserRecord) {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return {
    name,
    scopes,
    teams,
    locked: isLocked,
    blocked_until: blockedUntil > Date.now() ? time(blockedUntil) : null,
    created_at: time(createdAt),
    signed_in_at: time(signedInAt),
  };
}

function lineOf({ name, scopes, teams, locked, blocked_until, signed_in_at }: ReturnType<typeof viewOf>): string {
  const state = locked ? 'locked' : blocked_until === null ? '' : `blocked until ${blocked_until}`;
  const seen = signed_in_at === null ? 'never signed in' : `signed in ${signed_in_at}`;
  return [name, scopes.join(','), teams.length > 0 ? `teams ${teams.join(',')}` : '', state, seen]
    .filter(part => part !== '')
    .join('  ');
}
