import type { Config } from './config.ts';
import { configKeys } from './keys.ts';

/**
 * Keys, and groups of them, that whoever uses them reads anew each time. Limits are not among them: spare boxes were made with the
 * ones before.
 */
const RELOADABLE = [
  'log.level',
  'worker.slots',
  'worker.labels',
  'worker.drain_seconds',
  'placement',
  'sandbox.network',
  'sandbox.private_hosts',
  'sandbox.git',
  'sandbox.python',
  'sandbox.node',
  'sandbox.idle_stop_seconds',
  'sandbox.default_ttl_seconds',
  'tasks.retention_seconds',
  'tasks.queue_per_workspace',
  'fleet',
];

/** Those that are looked up at each call, wherever they were changed. */
const LIVE = ['coder', 'codegen'];

export interface Reloaded {
  /** Keys whose new values are in force. */
  readonly applied: string[];
  /** Keys that differ and need a restart. */
  readonly ignored: string[];
}

/** Brings a configuration that is in use up to a new one, in place, as far as that can be done without a restart. */
export function takeOver(config: Config, fresh: Config): Reloaded {
  const reloaded: Reloaded = { applied: [], ignored: [] };
  for (const { path } of configKeys) {
    const names = path.split('.');
    const value = valueAt(fresh, names);
    if (JSON.stringify(valueAt(config, names)) === JSON.stringify(value)) continue;
    if (!isReloadable(path)) {
      reloaded.ignored.push(path);
      continue;
    }
    const holder = valueAt(config, names.slice(0, -1));
    const name = names.at(-1);
    if (isObject(holder) && name !== undefined) Reflect.set(holder, name, value);
    reloaded.applied.push(path);
  }
  return reloaded;
}

const isAmong = (known: readonly string[], path: string): boolean =>
  known.some(name => path === name || path.startsWith(`${name}.`));
const isReloadable = (path: string): boolean => isAmong([...RELOADABLE, ...LIVE], path);

/** When a value that was stored is in force in a server that runs; undefined for one that it looks up at each call. */
export function inForceWhen(path: string): string | undefined {
  if (isAmong(LIVE, path)) return undefined;
  return isReloadable(path) ? 'on SIGHUP' : 'when it is restarted';
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function valueAt(tree: unknown, names: readonly string[]): unknown {
  let value = tree;
  for (const name of names) value = isObject(value) ? Reflect.get(value, name) : undefined;
  return value;
}
