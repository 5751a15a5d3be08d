import { type Address, NotPermitted } from './fabric.ts';

/** Who a connection is. A hub is trusted; a worker may act only under its own name, as a broker would enforce it. */
export type Identity = { readonly hub: string } | { readonly worker: string };

/** What a receiver is told as the sender. */
export const nameOf = (identity: Identity): string => ('hub' in identity ? identity.hub : identity.worker);

/** A worker serves under its own name, or as one of the workers. Throws NotPermitted. */
export function refuseForeignServing(identity: Identity, at: Address): void {
  if ('hub' in identity || 'workers' in at) return;
  if ('worker' in at && at.worker === identity.worker) return;
  throw new NotPermitted(`worker ${identity.worker} may not serve ${describe(at)}`);
}

/** A worker asks hubs only. Throws NotPermitted. */
export function refuseForeignRequest(identity: Identity, to: Address): void {
  if ('hub' in identity || 'hub' in to) return;
  throw new NotPermitted(`worker ${identity.worker} may not ask ${describe(to)}`);
}

/**
 * The parts of a topic, which is `kind.owner.name`, like `t.<worker>.<stream>`. The owner may hold dots, the name may not: so no
 * worker's name reaches into the topics of another.
 */
export function partsOf(topic: string): { kind: string; owner?: string; name?: string } {
  const first = topic.indexOf('.');
  const last = topic.lastIndexOf('.');
  if (first === -1) return { kind: topic };
  const kind = topic.slice(0, first);
  const name = topic.slice(last + 1);
  return first === last ? { kind, name } : { kind, owner: topic.slice(first + 1, last), name };
}

/** A worker publishes `t.<its id>.<name>` only. */
export function refuseForeignPublish(identity: Identity, topic: string): void {
  if ('hub' in identity) return;
  const { kind, owner } = partsOf(topic);
  if (kind === 't' && owner === identity.worker) return;
  throw new NotPermitted(`worker ${identity.worker} may not publish ${topic}`);
}

/** A worker hears what is addressed to it or to all workers. */
export function refuseForeignSubscribe(identity: Identity, topic: string): void {
  if ('hub' in identity) return;
  const { kind, owner } = partsOf(topic);
  if (kind === 'w' && (owner === 'all' || owner === identity.worker)) return;
  throw new NotPermitted(`worker ${identity.worker} may not subscribe to ${topic}`);
}

export function describe(address: Address): string {
  if ('worker' in address) return `worker ${address.worker}`;
  return 'workers' in address ? 'all workers' : 'a hub';
}
