import { AppError } from '../errors/app-error.ts';
import { type ConfigKey, configKeys } from './keys.ts';

/** Of the earlier system for sessions, the later ones first; ours wins. */
const PREFIXES = ['CODEZERO_', 'CODEZ_', 'BOXSWAIN_'] as const;
/** Names behind each of the prefixes, and their keys: of two for one key the later wins. */
const SHORT_NAMES = [
  ['MCP_PORT', 'http.port'],
  ['MCP_HOST', 'http.host'],
  ['PORT', 'http.port'],
  ['HOST', 'http.host'],
  ['MCP_URL', 'http.public_url'],
  ['URL', 'client.url'],
  ['HUB_URL', 'worker.hub'],
  ['HUB_TOKEN', 'worker.token'],
] as const;
const prefixed = SHORT_NAMES.flatMap(([name, path]) => PREFIXES.map(prefix => [`${prefix}${name}`, path] as const));

/** Names of the earlier systems, and that of OpenTelemetry. The variable of the key itself wins. */
export const earlierNames: Readonly<Record<string, string>> = {
  HTTP_PORT: 'http.port',
  LOG_LEVEL: 'log.level',
  WORKER_ID: 'worker.id',
  MAX_SESSIONS: 'worker.slots',
  BASE_WORKSPACE: 'sandbox.directory',
  COORDINATOR_ADDR: 'worker.hub',
  SESSION_MAX_AGE: 'sandbox.default_ttl_seconds',
  CODER_URL: 'coder.url',
  CODER_SESSION_TOKEN: 'coder.session_token',
  CODER_TIMEOUT: 'coder.timeout_seconds',
  BOXSWAIN_CODER_TIMEOUT: 'coder.timeout_seconds',
  CODER_MAX_RETRIES: 'coder.max_retries',
  CODEGEN_LOG_LEVEL: 'log.level',
  BOXSWAIN_CODEGEN_LOG_LEVEL: 'log.level',
  CODEGEN_API_TOKEN: 'codegen.api_token',
  CODEGEN_ORG_ID: 'codegen.org_id',
  CODEGEN_BASE_URL: 'codegen.base_url',
  AUTHKIT_URL: 'auth.issuer',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'telemetry.otlp_endpoint',
  ...Object.fromEntries(prefixed),
};

export const ignoredNames: readonly string[] = ['GRPC_PORT', 'CLEANUP_INTERVAL'];

export interface Setting {
  readonly path: string;
  readonly value: unknown;
  /** Where it was given, for error messages: a flag, a variable, or the file. */
  readonly source: string;
}

/** Settings found in the environment, the earlier names first so that later ones override them. */
export function settingsFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): Setting[] {
  for (const name of ignoredNames) {
    if (env[name] !== undefined) warn(`${name} has no meaning any more and is ignored`);
  }
  const earlier = Object.entries(earlierNames).flatMap(([name, path]) => settingOf(name, keyOf(path), env[name]));
  const current = configKeys.flatMap(key => settingOf(key.variable, key, env[key.variable]));
  return [...earlier, ...current];
}

function keyOf(path: string): ConfigKey {
  const key = configKeys.find(candidate => candidate.path === path);
  if (!key) throw new Error(`no configuration key ${path}`);
  return key;
}

function settingOf(name: string, key: ConfigKey, text: string | undefined): Setting[] {
  if (text === undefined || text === '') return [];
  return [{ path: key.path, value: parseSetting(key, text, name), source: name }];
}

/** Reads a value as text: lists by comma, maps as `k=v,k=v`, durations of seconds also as `30m`. */
export function parseSetting(key: ConfigKey, text: string, source: string): unknown {
  if (key.type === 'list')
    return text
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '');
  if (key.type === 'map') return Object.fromEntries(text.split(',').map(pair => splitPair(pair, source)));
  if (key.type === 'boolean') return parseBoolean(text, source);
  if (key.path === 'log.level') return levelOf(text);
  if (key.type !== 'number') return text;
  const duration = key.path.endsWith('_seconds') ? /^(\d+)([smhd])$/.exec(text) : null;
  if (duration) return Number(duration[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[duration[2] ?? 's'] ?? 1);
  const value = Number(text);
  if (Number.isNaN(value)) throw invalid(source, `"${text}" is not a number`);
  return value;
}

/** Levels as other programs write them: in any case, and with Python's name of one. */
function levelOf(text: string): string {
  const level = text.toLowerCase();
  return level === 'warning' ? 'warn' : level;
}

function parseBoolean(text: string, source: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false;
  throw invalid(source, `"${text}" is neither true nor false`);
}

function splitPair(pair: string, source: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw invalid(source, `"${pair}" is not of the form name=value`);
  return [pair.slice(0, at).trim(), pair.slice(at + 1)];
}

function invalid(source: string, reason: string): AppError {
  return new AppError('VALIDATION_ERROR', `${source}: ${reason}`, { hint: 'see docs/configuration.md' });
}
