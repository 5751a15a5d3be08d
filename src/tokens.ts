import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenRequest, TokenView, WorkerTokens } from './auth/worker-tokens.ts';
import type { Flags } from './cli/program.ts';
import type { NatsConfigRequest, TokenRoles } from './cli/worker-token.ts';
import type { Config } from './config/config.ts';
import { AppError } from './errors/app-error.ts';
import { announceAccount } from './fabric/credentials/announce.ts';
import { Authority } from './fabric/credentials/authority.ts';
import { type JoinToken, readJoinToken, writeJoinToken } from './fabric/credentials/join-token.ts';
import { natsServerConfig } from './fabric/credentials/server-config.ts';
import { TokenBook, type TokenRecord } from './fabric/credentials/token-book.ts';
import { BrokerUnavailable } from './fabric/nats/dial.ts';
import type { Log } from './log/log.ts';
import { hubAddressOf, natsServersOf } from './joining.ts';
import { prepareDirectory } from './parts.ts';

// Who may join, as the configuration has it. The authority lives below the directory of whoever makes the tokens: that of the hub, or
// of the machine of those who run the platform.

const authorityOf = (config: Config): string => join(config.directory, 'authority');

/** The token file that the configuration names; undefined: none. Throws AppError with the way out. */
export async function readTokenFile(config: Config, log: Log): Promise<JoinToken | undefined> {
  if (config.worker.token !== undefined) return await readJoinToken(config.worker.token);
  const { credentials: file } = config.fabric;
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch(cause => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new AppError('VALIDATION_ERROR', `the token file cannot be read (${code})`, {
      hint: 'name the file that `boxswain worker token create` has written: --token-file FILE, or fabric.credentials',
      cause,
    });
  });
  if (((await stat(file)).mode & 0o007) !== 0)
    log.warn({}, 'every user of this machine may read the token file: chmod 600 would end that');
  return await readJoinToken(text);
}

/** The token of a hub: that of its file, or one made for this process where the authority lives in the hub's own directory. */
export async function hubToken(config: Config, { id, log }: { id: string; log: Log }): Promise<JoinToken | undefined> {
  const given = await readTokenFile(config, log);
  if (given) return given;
  const authority = await Authority.find(authorityOf(config));
  if (!authority) return undefined;
  const { text: credential } = await authority.issue({ hub: id });
  const { text: lookup } = await authority.issueForLookup();
  return await readJoinToken(writeJoinToken({ credential, servers: [], labels: {}, lookup }));
}

/** The tokens of this directory's authority, for the hub's HTTP. */
export function workerTokens(config: Config): WorkerTokens {
  const there = async (): Promise<Authority> => {
    const authority = await Authority.find(authorityOf(config));
    if (authority) return authority;
    throw new AppError('CAPABILITY_UNSUPPORTED', 'the authority that makes tokens does not live here', {
      hint: 'run boxswain worker token on the machine and with the --directory where it does',
    });
  };
  return {
    create: async request => await createToken(config, await there(), request),
    list: async () => (await bookOf(config, await there()).list()).map(viewToken),
    revoke: async id => await revokeToken(config, await there(), id),
  };
}

/** `boxswain worker token …`: works on the directory alone; no hub need run. */
export function createTokenRoles(configure: (flags: Flags) => Promise<{ config: Config; log: Log }>): TokenRoles {
  const open = async (config: Config): Promise<{ authority: Authority; isNew: boolean }> => {
    const found = await Authority.find(authorityOf(config));
    if (found) return { authority: found, isNew: false };
    await prepareDirectory(config.directory);
    return { authority: await Authority.open(authorityOf(config)), isNew: true };
  };
  return {
    async createToken(flags, request) {
      const { config } = await configure(flags);
      const { authority, isNew } = await open(config);
      return { ...(await createToken(config, authority, request)), isNewAuthority: isNew };
    },
    async listTokens(flags) {
      const { config } = await configure(flags);
      return await workerTokens(config).list();
    },
    async revokeToken(flags, id) {
      const { config } = await configure(flags);
      return await workerTokens(config).revoke(id);
    },
    async natsConfig(flags, request: NatsConfigRequest) {
      const { config } = await configure(flags);
      const { authority } = await open(config);
      return await natsServerConfig(authority, request);
    },
  };
}

const bookOf = (config: Config, authority: Authority): TokenBook => new TokenBook(authority, authorityOf(config));

async function createToken(config: Config, authority: Authority, request: TokenRequest) {
  const { role, id, labels, expiresSeconds } = request;
  const servers = request.servers ?? natsServersOf(config);
  if (servers.length === 0)
    throw new AppError('VALIDATION_ERROR', 'no NATS server is named for the token to lead to', {
      hint: 'name the address under which workers reach it, such as --nats tls://nats.example.org:4222, or set fabric.servers',
    });
  const hub = role === 'worker' ? (request.hub ?? hubAddressOf(config)) : undefined;
  const expiresAt = expiresSeconds === undefined ? undefined : Date.now() + expiresSeconds * 1_000;
  const made = await bookOf(config, authority).create({ role, name: id, labels, servers, hub, expiresAt });
  return { ...viewToken(made.record), token: made.text };
}

async function revokeToken(config: Config, authority: Authority, id: string): Promise<TokenView[]> {
  const revoked = await bookOf(config, authority).revoke(id);
  const { ca_file: caFile } = config.fabric;
  const servers = natsServersOf(config);
  try {
    await announceAccount(authority, { servers, tls: caFile === undefined ? undefined : { caFile } });
  } catch (error) {
    if (!(error instanceof BrokerUnavailable)) throw error;
    throw new AppError(
      'NO_WORKER_AVAILABLE',
      `revoked here, but the NATS server does not know it yet: ${error.message}`,
      {
        hint: 'until it does the token still works; run the same command again, with --nats or fabric.servers naming the server',
        cause: error,
      },
    );
  }
  return revoked.map(viewToken);
}

function viewToken({ tokenId, role, name, labels, createdAt, expiresAt, revokedAt }: TokenRecord): TokenView {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const created_at = new Date(createdAt).toISOString();
  return {
    token_id: tokenId,
    role,
    id: name,
    labels,
    created_at,
    expires_at: time(expiresAt),
    revoked_at: time(revokedAt),
  };
}
