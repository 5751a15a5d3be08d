import { join } from 'node:path';
import type { Blobs } from './blobs/blobs.ts';
import { createRemoteBlobs } from './blobs/remote.ts';
import type { Config } from './config/config.ts';
import { AppError } from './errors/app-error.ts';
import { AccountWatch } from './fabric/credentials/account-watch.ts';
import type { JoinToken } from './fabric/credentials/join-token.ts';
import { ProofChecker, proverOf } from './fabric/credentials/proof.ts';
import type { Identity } from './fabric/identity.ts';
import { BrokerUnavailable, type DialOptions } from './fabric/nats/dial.ts';
import { connectNats, type NatsFabric } from './fabric/nats/nats-fabric.ts';
import type { Log } from './log/log.ts';
import { openBlobs } from './parts.ts';

// How a hub or worker finds the others, and whom it trusts: what its token says, where the configuration says nothing else.

/** Contents for a worker: in the bucket that hubs use too, or else over a hub. */
export async function openWorkerBlobs(
  config: Config,
  { token, log }: { token: JoinToken | undefined; log: Log },
): Promise<Blobs> {
  if (config.blobs.s3.bucket) return await openBlobs(config, log);
  const url = hubAddressOf(config) ?? token?.hub;
  if (url === undefined || token === undefined) {
    const lack = url === undefined ? 'nothing names a place for contents' : 'contents over a hub need a token';
    throw new AppError('VALIDATION_ERROR', `this worker cannot share contents with its hubs: ${lack}`, {
      hint: 'name the hub with --hub https://hub.example.org and a token with --token-file, or set blobs.s3.bucket',
    });
  }
  const authorize = await proverOf(token.credential);
  return await createRemoteBlobs({ url, authorize, spoolDirectory: join(config.directory, 'spool') });
}

export interface Joining {
  /** Says who this is, where there is one; else `usual` does. */
  readonly token: JoinToken | undefined;
  readonly usual: Identity;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** Meets hubs and workers at the NATS servers. Throws AppError, with the way out, when they or the token are not good. */
export async function joinFabric(
  config: Config,
  { token, usual, log, signal }: Joining,
): Promise<{ fabric: NatsFabric; identity: Identity }> {
  const { tls, servers } = dialOptionsOf(config, token);
  const identity = token?.identity ?? usual;
  if ('hub' in identity !== 'hub' in usual)
    throw new AppError('UNAUTHORIZED', `this is the token of a ${'hub' in identity ? 'hub' : 'worker'}`, {
      hint: 'name another file with --token-file, or make one: boxswain worker token create --role hub|worker',
    });
  const { id } = config.worker;
  if ('worker' in identity && id !== undefined && id !== identity.worker)
    throw new AppError('UNAUTHORIZED', `the token is for worker ${identity.worker}, not for ${id}`, {
      hint: `leave --id and worker.id out, or make a token: boxswain worker token create --id ${id}`,
    });
  try {
    const credentials = token?.credential;
    return { fabric: await connectNats({ servers, credentials, identity, tls, log, signal }), identity };
  } catch (error) {
    throw asBrokerError(error);
  }
}

/** What a hub needs to check the proofs of workers; undefined where its token lets it not ask for revocations. */
export async function openTrust(
  config: Config,
  { token, signal }: Pick<Joining, 'token' | 'signal'>,
): Promise<{ checker: ProofChecker; close(): Promise<void> } | undefined> {
  if (token?.lookup === undefined) return undefined;
  try {
    const { account, lookup: credential } = token;
    const watch = await AccountWatch.open({ credential, account }, { ...dialOptionsOf(config, token), signal });
    return { checker: new ProofChecker(() => watch.current()), close: () => watch.close() };
  } catch (error) {
    throw asBrokerError(error);
  }
}

function dialOptionsOf(config: Config, token: JoinToken | undefined): Pick<DialOptions, 'servers' | 'tls'> {
  const named = natsServersOf(config);
  const servers = named.length > 0 ? named : (token?.servers ?? []);
  if (servers.length === 0)
    throw new AppError('VALIDATION_ERROR', 'no NATS server is named', {
      hint: 'join with --token-file, or set fabric.servers, as in BOXSWAIN_FABRIC_SERVERS=nats://host:4222',
    });
  const { ca_file: caFile } = config.fabric;
  return { servers, ...(caFile !== undefined && { tls: { caFile } }) };
}

/** What the broker said, as an error that a caller may see. Anything else stays what it is. */
function asBrokerError(error: unknown): unknown {
  if (!(error instanceof BrokerUnavailable)) return error;
  if (error.isRefusal) {
    return new AppError('UNAUTHORIZED', error.message, {
      hint: 'the token is revoked, expired, or made by another authority; make a new one: boxswain worker token create',
      cause: error,
    });
  }
  return new AppError('NO_WORKER_AVAILABLE', error.message, {
    hint: 'check that nats-server runs and can be reached from here, then try again',
    cause: error,
  });
}

/** `worker.hub` is an address of NATS, or of a hub over HTTP; its scheme tells. */
const isHttp = (address: string): boolean => /^https?:\/\//i.test(address);

export function natsServersOf({ fabric, worker }: Config): readonly string[] {
  if (fabric.servers.length > 0) return fabric.servers;
  return worker.hub === undefined || isHttp(worker.hub) ? [] : [worker.hub];
}

export const hubAddressOf = ({ worker }: Config): string | undefined =>
  worker.hub !== undefined && isHttp(worker.hub) ? worker.hub : undefined;
