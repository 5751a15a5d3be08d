import { resolve } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import type { Connection } from './client.ts';

/** The process that runs now: what a client is to start again. */
export interface Launcher {
  readonly platform: NodeJS.Platform;
  /** The program that runs scripts. */
  readonly program: string;
  /** The script of `boxswain`, as it was started. */
  readonly script: string;
}

export interface Wanted {
  readonly url?: string | undefined;
  readonly toolsets: readonly string[];
  readonly tokenVariable?: string | undefined;
  /** Flags of this command that `boxswain mcp` is to have as well. */
  readonly config?: string | undefined;
  readonly directory?: string | undefined;
}

const SECRET = /(?:^|[/=])(?:bxs_|bxh_|mat_|sk-|ghp_|github_pat_|xox[a-z]-|eyJ)[\w-]/;

/** What the entries are to say. Throws AppError VALIDATION_ERROR for what cannot be, and for whatever would write a secret into a file. */
export function connectionOf(
  wanted: Wanted,
  { launcher, known }: { launcher: Launcher; known: readonly string[] },
): Connection {
  const { url, toolsets, tokenVariable } = wanted;
  const unknown = toolsets.filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw new AppError('VALIDATION_ERROR', `there is no toolset ${unknown.join(', ')}`, {
      hint: `use one or more of ${known.join(', ')}`,
    });
  if (url !== undefined) {
    const address = { kind: 'address', url: addressOf(url), toolsets } as const;
    return tokenVariable === undefined ? address : { ...address, tokenVariable: variableOf(tokenVariable) };
  }
  if (tokenVariable !== undefined)
    throw new AppError('VALIDATION_ERROR', '--token-env needs --url: a process on this machine needs no token', {
      hint: 'add --url, or leave --token-env out',
    });
  const flags = [
    ...(wanted.config === undefined ? [] : ['--config', resolve(wanted.config)]),
    ...(wanted.directory === undefined ? [] : ['--directory', resolve(wanted.directory)]),
    ...(toolsets.length > 0 ? ['--toolsets', toolsets.join(',')] : []),
  ];
  return { kind: 'process', ...startOf(launcher, ['mcp', ...flags]) };
}

/**
 * By absolute paths: programs of the desktop know little of the shell's `PATH`. What npx brought for this one call is gone later, so
 * that npx brings it again.
 */
function startOf(
  { platform, program, script }: Launcher,
  args: readonly string[],
): { command: string; args: string[] } {
  if (!/[/\\]_npx[/\\]/.test(script)) return { command: program, args: [script, ...args] };
  const words = ['npx', '-y', 'boxswain', ...args];
  // Windows starts no scripts without its shell.
  const [command = '', ...rest] = platform === 'win32' ? ['cmd', '/c', ...words] : words;
  return { command, args: rest };
}

function addressOf(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new AppError('VALIDATION_ERROR', '--url takes an http or https address', {
      hint: 'for example https://boxswain.example.org/mcp',
    });
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '' || SECRET.test(url.pathname))
    throw new AppError('VALIDATION_ERROR', '--url holds more than an address, and no secret is written into a client', {
      hint: 'leave user, password, query and token out of it; --token-env names a variable that holds a token',
    });
  if (url.pathname === '/') url.pathname = '/mcp';
  return url.href;
}

function variableOf(name: string): string {
  if (/^[A-Z_][A-Z0-9_]*$/.test(name)) return name;
  throw new AppError('VALIDATION_ERROR', '--token-env takes the name of a variable, in capitals, not a token', {
    hint: 'for example --token-env BOXSWAIN_TOKEN, with the token in that variable',
  });
}

/** Whether what is sent there can be read on the way. */
export function isOpenlyRead(connection: Connection): boolean {
  if (connection.kind === 'process') return false;
  const { protocol, hostname } = new URL(connection.url);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
