import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Check } from '../cli/doctor.ts';
import type { Config } from '../config/config.ts';
import type { JoinToken } from '../fabric/credentials/join-token.ts';
import type { Identity } from '../fabric/identity.ts';
import type { NatsFabric } from '../fabric/nats/nats-fabric.ts';
import { joinFabric } from '../joining.ts';
import { newId } from '../ids/ids.ts';
import { openBlobs } from '../parts.ts';
import { askHub } from '../protocol/link.ts';
import { attempted, type Subject } from './checks.ts';

/** A token that ends sooner is worth a word. */
const EXPIRES_SOON_MS = 7 * 86_400_000;
const ASK_MS = 5_000;
const CONNECT_MS = 10_000;

/** The token of this hub or worker: whom it is for, until when, and who may read it. */
export async function tokenCheck(config: Config, token: JoinToken | undefined): Promise<Check> {
  const name = 'token';
  const file = config.fabric.credentials;
  if (token === undefined || file === undefined)
    return {
      name,
      state: 'warn',
      detail: 'none: the NATS servers must let everybody in',
      fix: 'boxswain worker token create, then --token-file FILE',
    };
  if (((await stat(file)).mode & 0o077) !== 0)
    return { name, state: 'warn', detail: 'others on this machine may read its file', fix: 'chmod 600 it' };
  return validityCheck(token, Date.now());
}

export function validityCheck({ identity, expiresAt }: Pick<JoinToken, 'identity' | 'expiresAt'>, now: number): Check {
  const whom = 'hub' in identity ? `hub ${identity.hub}` : `worker ${identity.worker}`;
  const until = expiresAt === undefined ? 'without end' : `until ${new Date(expiresAt).toISOString()}`;
  const isSoon = expiresAt !== undefined && expiresAt - now < EXPIRES_SOON_MS;
  const fix = 'make a new one before that: boxswain worker token create';
  return { name: 'token', state: isSoon ? 'warn' : 'ok', detail: `for ${whom}, ${until}`, fix };
}

/** The NATS servers, by connecting as this hub or worker. `role` unknown: as a hub, which may do more. */
export async function fabricChecks({ config, log }: Subject, token: JoinToken | undefined): Promise<Check[]> {
  const isWorker = token !== undefined && 'worker' in token.identity;
  const usual: Identity = isWorker ? { worker: newId('wk') } : { hub: `doctor-${randomUUID()}` };
  return await attempted('NATS', 'check fabric.servers, and that nats-server runs there', async () => {
    const signal = AbortSignal.timeout(CONNECT_MS);
    const { fabric } = await joinFabric(config, { token, usual, log, signal });
    try {
      return [await natsCheck(fabric), ...(isWorker ? await hubChecks({ config, log }, fabric) : [])];
    } finally {
      await fabric.close();
    }
  });
}

async function natsCheck(fabric: NatsFabric): Promise<Check> {
  const name = 'NATS';
  const { connected, server, version, roundTripMs = 0, notes, trouble } = await fabric.health();
  const fix = 'install nats-server 2.12 or newer when you can';
  if (!connected) return { name, state: 'fail', detail: trouble ?? 'not connected', fix: 'see the log of nats-server' };
  const detail = [`${server}, version ${version}, ${roundTripMs.toFixed(1)} ms away`, ...notes].join('; ');
  return { name, state: notes.length > 0 ? 'warn' : 'ok', detail, fix };
}

/** Whether a hub answers this worker: a boot that nobody knows is told that it has no lease. */
async function hubChecks({ config, log }: Subject, fabric: NatsFabric): Promise<Check[]> {
  return await attempted('hub', 'start one: boxswain hub', async () => {
    const link = { fabric, blobs: await openBlobs(config, log) };
    await askHub(link, 'worker.beat', { boot: 'doctor' }, { timeoutMs: ASK_MS });
    return [{ name: 'hub', state: 'ok', detail: 'answers' }];
  });
}
