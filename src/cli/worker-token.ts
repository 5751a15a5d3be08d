import { open, rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { TokenRequest, TokenView } from '../auth/worker-tokens.ts';
import { AppError } from '../errors/app-error.ts';
import type { Terminal } from './output.ts';
import type { Flags } from './program.ts';

/** What the composition root does for `boxswain worker token`, on the authority of the configured directory. */
export interface TokenRoles {
  createToken(flags: Flags, request: TokenRequest): Promise<CreatedToken>;
  listTokens(flags: Flags): Promise<TokenView[]>;
  /** Throws AppError when the NATS servers could not be told. */
  revokeToken(flags: Flags, id: string): Promise<TokenView[]>;
  /** The text of a nats-server configuration. */
  natsConfig(flags: Flags, request: NatsConfigRequest): Promise<string>;
}

export type CreatedToken = TokenView & { readonly token: string; readonly isNewAuthority: boolean };

export interface NatsConfigRequest {
  readonly listen?: string;
  readonly webSocketListen?: string;
  readonly resolverDirectory: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export interface TokenCommandOptions {
  readonly terminal: Terminal;
  readonly roles: TokenRoles;
  flagsOf(command: Command): Flags;
}

type Typed = Record<string, unknown>;

/** `boxswain worker token create|list|revoke|nats-config`: who may join, decided where the authority lives. */
export function addWorkerTokens(worker: Command, { terminal, roles, flagsOf }: TokenCommandOptions): void {
  const token = worker.command('token').description('make, list and revoke what workers and hubs join with');
  token
    .command('create')
    .description('make a token: all that a worker needs to join, and a secret')
    .option('--id <name>', 'name of the worker or hub; made up when left out')
    .addOption(new Option('--role <role>', 'who joins with it').choices(['worker', 'hub']).default('worker'))
    .option('--label <k=v>', 'label of the worker, for placement; may be repeated', collect)
    .option('--expires <duration>', 'such as 12h or 30d; left out: it does not expire')
    .option('--nats <servers>', 'NATS servers as the worker reaches them, by comma; default: fabric.servers')
    .option('--hub <url>', 'hub that gives contents, for workers without S3; default: worker.hub')
    .option('--output <file>', 'file to write, readable by you alone; left out: print it')
    .option('--json', 'print what was made as JSON')
    .addHelpText(
      'after',
      [
        '\nThe first token makes the authority, in authority/ of the data directory: keep that directory safe.',
        '\nExamples:',
        '  boxswain worker token create --id worker-1 --nats tls://nats.example.org:4222 --output worker-1.token',
        '  boxswain worker token create --id worker-2 --hub https://hub.example.org --label zone=a --expires 30d --output worker-2.token',
        '  boxswain worker token create --role hub --id hub-1 --output hub-1.token',
      ].join('\n'),
    )
    .action(async (typed: Typed, command: Command) => {
      const file = textOf(typed.output);
      const create = () => roles.createToken(flagsOf(command), requestOf(typed));
      const made = await (file === undefined ? create() : written(file, create));
      if (made.isNewAuthority)
        terminal.err('note: this is a new authority; give NATS its configuration: boxswain worker token nats-config\n');
      const { token: secret, isNewAuthority: _, ...view } = made;
      if (typed.json === true)
        terminal.out(`${JSON.stringify(file === undefined ? { ...view, token: secret } : view)}\n`);
      else if (file === undefined) terminal.out(secret);
      else terminal.out(`${view.token_id} for ${view.role} ${view.id}, ${expiryOf(view)}\n`);
    });
  token
    .command('list')
    .description('list the tokens that were made, the newest first')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain worker token list\n  boxswain worker token list --json')
    .action(async (typed: Typed, command: Command) => {
      const tokens = await roles.listTokens(flagsOf(command));
      terminal.out(`${typed.json === true ? JSON.stringify({ tokens }) : tokensAsText(tokens)}\n`);
    });
  token
    .command('revoke')
    .argument('<id>', 'a token, or a worker or hub: then all of its tokens')
    .description('make a token void for good; whoever joined with it is cut off at once')
    .option('--nats <servers>', 'NATS servers to tell, by comma; default: fabric.servers')
    .option('--json', 'print what was revoked as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  boxswain worker token revoke tok_abcdefghijkl\n  boxswain worker token revoke worker-1 --json',
    )
    .action(async (id: string, typed: Typed, command: Command) => {
      const revoked = await roles.revokeToken(flagsOf(command), id);
      const lines = revoked.map(one => `revoked ${one.token_id} of ${one.role} ${one.id}`);
      terminal.out(`${typed.json === true ? JSON.stringify({ revoked }) : lines.join('\n')}\n`);
    });
  token
    .command('nats-config')
    .description('print the configuration of a nats-server that lets in only whom this authority made a token for')
    .option('--listen <address>', 'address for clients', '0.0.0.0:4222')
    .option('--websocket-listen <address>', 'address for workers that come over WebSocket')
    .option('--resolver-dir <path>', 'where nats-server keeps what is revoked', '/var/lib/nats/resolver')
    .option('--tls-cert <file>', 'certificate of nats-server; without it everything travels in the clear')
    .option('--tls-key <file>', 'key of that certificate')
    .addHelpText(
      'after',
      [
        '\nIt holds no secret, and need not change when tokens are made or revoked.',
        '\nExamples:',
        '  boxswain worker token nats-config > /etc/nats-server.conf',
        '  boxswain worker token nats-config --tls-cert /etc/nats/cert.pem --tls-key /etc/nats/key.pem --websocket-listen 0.0.0.0:443',
      ].join('\n'),
    )
    .action(async (typed: Typed, command: Command) => {
      terminal.out(await roles.natsConfig(flagsOf(command), natsConfigOf(typed)));
    });
}

/** Repeated `k=v` words as a map; undefined when there are none. Throws AppError VALIDATION_ERROR. */
export function labelsOf(words: unknown): Record<string, string> | undefined {
  if (!Array.isArray(words)) return undefined;
  return Object.fromEntries(
    words.map(word => {
      const at = String(word).indexOf('=');
      if (at < 1) throw new AppError('VALIDATION_ERROR', `--label takes name=value, got "${word}"`);
      return [String(word).slice(0, at), String(word).slice(at + 1)];
    }),
  );
}

export const collect = (word: string, before: string[] = []): string[] => [...before, word];

const textOf = (typed: unknown): string | undefined => (typeof typed === 'string' ? typed : undefined);

function requestOf(typed: Typed): TokenRequest {
  return {
    role: typed.role === 'hub' ? 'hub' : 'worker',
    id: textOf(typed.id),
    labels: labelsOf(typed.label),
    hub: textOf(typed.hub),
    expiresSeconds: secondsOf(textOf(typed.expires)),
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ''] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? [];
  if (count === undefined)
    throw new AppError('VALIDATION_ERROR', `--expires takes a duration, got "${text}"`, {
      hint: 'write a number and a unit: 90m, 12h or 30d',
    });
  return Number(count) * (UNITS[unit] ?? 1);
}

function natsConfigOf(typed: Typed): NatsConfigRequest {
  const [certFile, keyFile] = [textOf(typed.tlsCert), textOf(typed.tlsKey)];
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new AppError('VALIDATION_ERROR', '--tls-cert and --tls-key belong together', { hint: 'give both, or none' });
  return {
    listen: textOf(typed.listen),
    webSocketListen: textOf(typed.websocketListen),
    resolverDirectory: textOf(typed.resolverDir) ?? '',
    ...(certFile !== undefined && keyFile !== undefined && { tls: { certFile, keyFile } }),
  };
}

/**
 * Writes a new token where nobody else ever sees it. The file is opened first: what is there is never written over, and no token is
 * made that has no place.
 */
async function written(path: string, create: () => Promise<CreatedToken>): Promise<CreatedToken> {
  const file = await open(path, 'wx', 0o600).catch(cause => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    const reason = code === 'EEXIST' ? 'is there already' : `cannot be written (${code})`;
    throw new AppError('VALIDATION_ERROR', `the file of --output ${reason}`, { hint: 'choose another', cause });
  });
  try {
    const made = await create();
    await file.writeFile(made.token);
    return made;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

const expiryOf = ({ expires_at }: TokenView): string =>
  expires_at === null ? 'never expires' : `expires ${expires_at}`;

function tokensAsText(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return 'no tokens yet: boxswain worker token create';
  const rows = [
    ['token', 'role', 'id', 'created', 'expires', 'revoked'],
    ...tokens.map(one => [
      one.token_id,
      one.role,
      one.id,
      one.created_at,
      one.expires_at ?? '-',
      one.revoked_at ?? '-',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
