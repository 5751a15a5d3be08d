import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import { type Config, configSchema } from './config.ts';
import { type Setting, settingsFromEnvironment } from './environment.ts';
import { withEnvFile } from './env-file.ts';
import { earlierCodegenFile } from './earlier-codegen.ts';
import { configFileOf, defaultDirectory } from './paths.ts';

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A `.env` file named on the command line, which must exist; what the environment itself says wins over it. */
  readonly envFile?: string | undefined;
  /** By path, such as `http.port`; undefined where the flag was not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** A file named on the command line: it must exist. */
  readonly file?: string;
  readonly warn: (message: string) => void;
}

const fileSchema = z.record(z.string(), z.unknown());

/** The configuration in force: flag > environment > named `.env` file > file > default. Throws VALIDATION_ERROR that names key and source. */
export async function loadConfig(given: ConfigSources): Promise<Config> {
  const env = await withEnvFile({ env: given.env, file: given.envFile });
  const sources = { ...given, env };
  const { warn } = sources;
  const tree = await readConfigFile(configFileOf(sources), { mustExist: isNamed(sources) });
  for (const [key, value] of await earlierCodegenFile(env, warn)) setUnlessGiven(tree, key, value);
  if (tree.directory === undefined) tree.directory = defaultDirectory(env);
  const levels = [settingsFromEnvironment(env, warn), settingsFromFlags(sources.flags ?? {})];
  for (const level of levels) {
    makeWay(tree, level);
    for (const { path: key, value } of level) setAt(tree, key.split('.'), value);
  }
  const parsed = configSchema.safeParse(tree);
  if (parsed.success) return parsed.data;
  throw explain(parsed.error, levels.flat());
}

/** Whether somebody has named the file, so that it must be there. */
const isNamed = ({ file, env }: Pick<ConfigSources, 'file' | 'env'>): boolean =>
  (file ?? env.BOXSWAIN_CONFIG) !== undefined;

/** Two ways to give one value. */
const TOKEN_OF_CODEGEN: readonly string[] = ['codegen.api_token', 'codegen.api_token_file'];

/** The keys through which the value of this one is given. */
export const alternativesOf = (path: string): readonly string[] =>
  TOKEN_OF_CODEGEN.includes(path) ? TOKEN_OF_CODEGEN : [path];

/** A value that is given nearer to the command wins over one of a file further away, whichever way each is given. */
function makeWay(tree: Record<string, unknown>, level: readonly Setting[]): void {
  if (level.some(({ path }) => TOKEN_OF_CODEGEN.includes(path)))
    for (const path of TOKEN_OF_CODEGEN) setAt(tree, path.split('.'), undefined);
}

function setUnlessGiven(tree: Record<string, unknown>, path: string, value: unknown): void {
  if (alternativesOf(path).every(known => valueIn(tree, known) === undefined)) setAt(tree, path.split('.'), value);
}

/** What a tree holds at a path such as `http.port`. */
export function valueIn(tree: unknown, path: string): unknown {
  let value = tree;
  for (const name of path.split('.')) {
    const branch = fileSchema.safeParse(value);
    value = branch.success ? branch.data[name] : undefined;
  }
  return value;
}

function settingsFromFlags(flags: Readonly<Record<string, unknown>>): Setting[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([path, value]) => ({ path, value, source: `--${path.replaceAll(/[._]/g, '-')}` }));
}

/** Throws VALIDATION_ERROR for a file that is not a JSON object, or is missing and must not be. */
export async function readConfigFile(path: string, options: { mustExist: boolean }): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!options.mustExist && error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new AppError('VALIDATION_ERROR', `cannot read the configuration file ${path}`, {
      cause: error,
      hint: 'check the path and its permissions',
    });
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', `the configuration file ${path} is not a JSON object`, {
      cause,
      hint: 'correct the file, or move it away to start with the defaults',
    });
  }
}

/** Sets a value below a path, making the branches on the way. */
export function setAt(tree: Record<string, unknown>, path: string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const child = fileSchema.safeParse(tree[head]);
  const branch = child.success ? child.data : {};
  tree[head] = branch;
  setAt(branch, rest, value);
}

/** VALIDATION_ERROR about the first thing that is wrong. */
export function explain(error: z.ZodError, settings: readonly Setting[]): AppError {
  const issue = error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  const key = [...(issue?.path ?? []).map(String), ...unknown].join('.');
  const source = settings.findLast(setting => setting.path === key)?.source ?? 'the configuration file';
  const reason = unknown.length > 0 ? 'there is no such key' : (issue?.message ?? 'is not valid');
  return new AppError('VALIDATION_ERROR', `configuration key ${key}, from ${source}: ${reason}`, {
    hint: 'docs/configuration.md lists the keys and their bounds',
  });
}
