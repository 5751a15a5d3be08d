import type { Command } from 'commander';
import type { ConfigKeeper } from '../../config/config-keeper.ts';
import type { Terminal } from '../output.ts';
import type { Flags } from '../program.ts';
import type { SignInRoles } from './roles.ts';

export interface SignInCommands {
  readonly terminal: Terminal;
  readonly roles: SignInRoles;
  readonly signal: AbortSignal;
  flagsOf(command: Command): Flags;
  readStdin(): Promise<string>;
}

type Typed = Record<string, unknown>;

/** `boxswain auth enable|disable|status`: the built-in authorization server. */
export function addAuth(auth: Command, { terminal, roles, flagsOf }: SignInCommands): void {
  const print = (typed: Typed, output: object, text: string) =>
    terminal.out(`${typed.json === true ? JSON.stringify(output) : text}\n`);
  auth
    .command('enable')
    .description('let users of this server sign in here, and clients get tokens for them')
    .option('--public-url <url>', 'address that clients use, with https; default: http.public_url')
    .option('--new-keys', 'sign with new keys: every token and sign-in of before is void')
    .option('--json', 'print what was done as JSON')
    .addHelpText(
      'after',
      [
        '\nFor teams that have no authorization server of their own; with one, set auth.issuer instead.',
        '\nExamples:',
        '  boxswain auth enable --public-url https://box.example.com',
        '  boxswain auth enable --new-keys',
      ].join('\n'),
    )
    .action(async (typed: Typed, command: Command) => {
      const flags = flagsOf(command);
      const keeper = roles.settings(flags);
      const given = typeof typed.publicUrl === 'string' ? typed.publicUrl : undefined;
      const issuer = await roles.issuerAt(given ?? (await keeper.current()).http.public_url);
      await roles.makeSigningKeys(flags, { replaces: typed.newKeys === true });
      const overridden = [
        ...(given === undefined ? [] : [await stored(keeper, 'http.public_url', given)]),
        await stored(keeper, 'auth.server.enabled', 'true'),
        ...(isHosted(issuer) ? [await stored(keeper, 'auth.required', 'true')] : []),
      ].filter(one => one !== undefined);
      for (const note of overridden) terminal.err(`warning: ${note}\n`);
      await using users = await roles.openUsers(flags);
      const { length: userCount } = await users.list();
      print(typed, { enabled: true, issuer, users: userCount }, nextSteps(issuer, userCount));
    });
  auth
    .command('disable')
    .description('switch it off: nobody signs in, and its tokens are void; users are kept')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain auth disable')
    .action(async (typed: Typed, command: Command) => {
      const note = await stored(roles.settings(flagsOf(command)), 'auth.server.enabled', 'false');
      if (note !== undefined) terminal.err(`warning: ${note}\n`);
      print(typed, { enabled: false }, 'The built-in authorization server is off once the server is restarted.');
    });
  auth
    .command('status')
    .description('say whether it is on, under which address, and how many users there are')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain auth status\n  boxswain auth status --json')
    .action(async (typed: Typed, command: Command) => {
      const flags = flagsOf(command);
      const { auth: config, http } = await roles.settings(flags).current();
      const { enabled } = config.server;
      const issuer = enabled ? await roles.issuerAt(http.public_url) : null;
      await using opened = await roles.openUsers(flags);
      const users = await opened.list();
      const locked = users.filter(({ isLocked }) => isLocked).length;
      const text =
        issuer === null
          ? 'The built-in authorization server is off: boxswain auth enable'
          : `The built-in authorization server is on, as ${issuer}`;
      const count = `${users.length} ${users.length === 1 ? 'user' : 'users'}, ${locked} locked`;
      print(typed, { enabled, issuer, users: users.length, locked }, `${text}\n${count}`);
    });
}

/** What to tell when something else wins over what was stored. */
async function stored(keeper: ConfigKeeper, key: string, value: string): Promise<string | undefined> {
  const { overriddenBy } = await keeper.set(key, value);
  return overriddenBy === undefined ? undefined : `${overriddenBy} wins over ${key} in the file while it is set`;
}

/** What stands in front of it makes everybody a neighbour: not all proxies say for whom they ask. */
const isHosted = (issuer: string): boolean => issuer.startsWith('https:');

function nextSteps(issuer: string, users: number): string {
  const address = `${issuer}/mcp`;
  return [
    `The built-in authorization server is on, as ${issuer}`,
    ...(isHosted(issuer) ? ['Requests over HTTP from this machine need a token from now on too (auth.required).'] : []),
    '',
    'Next:',
    users === 0
      ? '1. say who may sign in:      boxswain users add NAME'
      : `1. who may sign in:          boxswain users list (${users})`,
    '2. restart the server:       it reads this at its start',
    `3. connect a client:         claude mcp add --transport http boxswain ${address}`,
    `   Any other client takes ${address} as well; it opens a browser to sign in.`,
  ].join('\n');
}
