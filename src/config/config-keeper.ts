import { randomUUID } from 'node:crypto';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../errors/app-error.ts';
import { codegenToken } from './codegen.ts';
import { type Config, configSchema } from './config.ts';
import { parseSetting, settingsFromEnvironment } from './environment.ts';
import { type ConfigKey, configKeys } from './keys.ts';
import { alternativesOf, type ConfigSources, explain, loadConfig, readConfigFile, setAt, valueIn } from './load.ts';
import { configFileOf, defaultDirectory } from './paths.ts';

/** Keys of the earlier command line for Codegen. */
export const shortKeys: Readonly<Record<string, string>> = {
  api_token: 'codegen.api_token',
  org_id: 'codegen.org_id',
  base_url: 'codegen.base_url',
  log_level: 'log.level',
};

/** The configuration as it is now, and the only way to change its file. */
export interface ConfigKeeper {
  /** Of the file. */
  readonly path: string;
  /** Read anew when a file has changed. Throws VALIDATION_ERROR for one that cannot be read. */
  current(): Promise<Config>;
  /** The value in force, or undefined. Throws VALIDATION_ERROR for an unknown key, here as everywhere. */
  get(key: string): Promise<unknown>;
  /** Stores a value. `overriddenBy`: a variable or flag that wins over the file. */
  set(key: string, text: string): Promise<{ overriddenBy: string | undefined }>;
  /** False when the file did not hold it. */
  unset(key: string): Promise<boolean>;
}

/** Reads the file anew when it has changed, and writes it, one change at a time. `changed` hears of each new configuration. */
export function createConfigKeeper(
  sources: ConfigSources,
  { changed = () => {} }: { changed?: (config: Config) => void } = {},
): ConfigKeeper {
  const path = configFileOf(sources);
  let known: { signature: string; config: Config } | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const current = async (): Promise<Config> => {
    const signature = await signatureOf([path, join(sources.env.HOME ?? '', '.codegen', 'config.json')]);
    if (known?.signature !== signature) known = { signature, config: await loadConfig({ ...sources, warn: () => {} }) };
    return known.config;
  };
  /** One change at a time: each reads what the one before has written. */
  const change = <Result>(work: (tree: Record<string, unknown>) => Result | Promise<Result>): Promise<Result> => {
    const next = last.then(async () => {
      const tree = await readConfigFile(path, { mustExist: false });
      const result = await work(tree);
      const parsed = configSchema.safeParse({ directory: defaultDirectory(sources.env), ...tree });
      if (!parsed.success) throw explain(parsed.error, []);
      await replaceFile(path, `${JSON.stringify(tree, null, 2)}\n`);
      return result;
    });
    last = next.catch(() => {});
    return next;
  };

  return {
    path,
    current,
    get: async key => valueIn(await current(), keyOf(key).path),
    async set(key, text) {
      const known = keyOf(key);
      await change(tree => setAt(tree, known.path.split('.'), parseSetting(known, text, key)));
      changed(await current());
      return { overriddenBy: overriding(known.path, sources) };
    },
    unset: key =>
      change(tree => {
        const names = keyOf(key).path.split('.');
        const wasThere = valueIn(tree, names.join('.')) !== undefined;
        if (wasThere) setAt(tree, names, undefined);
        return wasThere;
      }),
  };
}

/** The value of a key as it is used: a token may stand in a file of its own. */
export async function valueInForce(keeper: Pick<ConfigKeeper, 'current' | 'get'>, key: string): Promise<unknown> {
  const value = await keeper.get(key);
  const isToken = keyOf(key).path === 'codegen.api_token';
  return value === undefined && isToken ? await codegenToken((await keeper.current()).codegen) : value;
}

/** Whether a value is not to be shown: by the names of keys. */
export const isSecretKey = (key: string): boolean =>
  /(^|[._])(token|password|secret)$/.test(shortKeys[key] ?? key) || key === 'store.url';

/** A secret as it may be shown: enough to tell two apart, where it is long enough. */
export const maskSecret = (value: string): string => (value.length < 12 ? '...' : `${value.slice(0, 5)}...`);

function keyOf(name: string): ConfigKey {
  const path = shortKeys[name] ?? name;
  const key = configKeys.find(candidate => candidate.path === path);
  if (key) return key;
  throw new AppError('VALIDATION_ERROR', `there is no configuration key ${name.slice(0, 64)}`, {
    hint: 'docs/configuration.md lists the keys; of Codegen: api_token, org_id, base_url, log_level',
  });
}

/** The variable or flag that gives this key, or undefined. */
function overriding(path: string, { env, flags = {} }: ConfigSources): string | undefined {
  const ways = alternativesOf(path);
  const flag = ways.find(way => flags[way] !== undefined);
  if (flag !== undefined) return `--${flag.replaceAll(/[._]/g, '-')}`;
  return settingsFromEnvironment(env, () => {}).findLast(setting => ways.includes(setting.path))?.source;
}

async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts = paths.map(async path => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found ? `${found.ino} ${found.size} ${found.mtimeNs}` : '';
  });
  return (await Promise.all(parts)).join('|');
}

/** At no moment is the file torn, or readable by others. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await realpath(path).catch(() => path);
  const draft = `${target}.${randomUUID()}`;
  try {
    await using file = await open(draft, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(draft, target);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new AppError('VALIDATION_ERROR', 'the configuration file cannot be written', {
      cause,
      hint: 'check the path and its permissions',
    });
  }
}
