import type { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import { networkRules } from '../protocol/host-rules.ts';
import { type LimitName, limitsSchema } from '../protocol/workspace-spec.ts';
import type { NetworkPolicy, WorkspaceRequest } from './hub.ts';
import type { StoredSpec } from './stored-spec.ts';

export const limitNames: readonly LimitName[] = limitsSchema.keyof().options;

const MAX_ENTRIES = 100;
const MAX_MAP_BYTES = 32 * 1024;
const MIN_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 2_592_000;

/** A spec that no worker has been chosen for. */
export type UnplacedSpec = Omit<StoredSpec, 'site' | 'enforcement' | 'filling'>;

/**
 * What a request asks for, within the operator's bounds. Throws VALIDATION_ERROR that names the field, or IMAGE_NOT_ALLOWED:
 * no engine of this program has images.
 */
export function specOfRequest(
  request: WorkspaceRequest,
  { sandbox, placement }: Pick<Config, 'sandbox' | 'placement'>,
): UnplacedSpec {
  if (request.image !== undefined) {
    throw new AppError('IMAGE_NOT_ALLOWED', `image ${JSON.stringify(request.image)} is not allowed`, {
      hint: 'leave image out: the engine bubblewrap has no images',
      details: { image: request.image, allowed: [] },
    });
  }
  checkMap('env', request.env);
  checkMap('metadata', request.metadata);
  const { allow_soft = false, ...asked } = request.limits;
  return {
    limits: limitsOf(asked, sandbox),
    requested: limitNames.filter(name => asked[name] !== undefined),
    allowSoft: allow_soft,
    network: { allow: networkRules(request.network, sandbox.network) },
    policy: copyOf(request.network),
    env: { ...request.env },
    image: null,
    idleStopSeconds: sandbox.idle_stop_seconds,
    // What the operator asks for cannot be asked away.
    labels: { ...request.labels, ...placement.required_labels },
  };
}

/** Seconds without a call until a workspace is deleted. Throws VALIDATION_ERROR outside 60 to 2,592,000. */
export function ttlOfRequest({ ttlSeconds }: WorkspaceRequest, { sandbox }: Pick<Config, 'sandbox'>): number {
  const ttl = ttlSeconds ?? sandbox.default_ttl_seconds;
  if (ttl >= MIN_TTL_SECONDS && ttl <= MAX_TTL_SECONDS) return ttl;
  throw bad('ttl_seconds', `must be between ${MIN_TTL_SECONDS} and ${MAX_TTL_SECONDS}, got ${ttl}`);
}

/** Throws VALIDATION_ERROR for more than 100 entries or 32 KiB in all. */
export function checkMap(field: 'env' | 'metadata', map: Readonly<Record<string, string>>): void {
  const entries = Object.entries(map);
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (entries.length <= MAX_ENTRIES && bytes <= MAX_MAP_BYTES) return;
  throw bad(
    field,
    `must have at most ${MAX_ENTRIES} entries and 32 KiB in all, got ${entries.length} and ${bytes} bytes`,
  );
}

function limitsOf(asked: WorkspaceRequest['limits'], { limits: bounds }: Config['sandbox']) {
  const limits = { ...bounds.default };
  for (const name of limitNames) {
    const value = asked[name];
    const max = bounds.max[name];
    // An operator who lowers the most means it for the defaults too.
    limits[name] = value ?? Math.min(bounds.default[name], max);
    if (limits[name] <= max) continue;
    throw bad(`limits.${name}`, `must be at most ${max}, got ${value}`, { limit: name, max });
  }
  return limits;
}

const copyOf = (network: NetworkPolicy): NetworkPolicy =>
  typeof network === 'string' ? network : { allow: [...network.allow] };

const bad = (field: string, problem: string, details: Record<string, unknown> = {}): AppError =>
  new AppError('VALIDATION_ERROR', `argument "${field}" ${problem}`, { details: { argument: field, ...details } });
