import { AppError } from '../errors/app-error.ts';
import type { HostRule } from './workspace-spec.ts';

const DEFAULT_PORT = 443;
const MAX_HOST_LENGTH = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface HostPort {
  /** Lower case. */
  readonly host: string;
  readonly port: number;
}

/** The operator's lists, as in the configuration. */
export interface NetworkBounds {
  /** What `registries` stands for. */
  readonly registries: readonly string[];
  /** Upper bound of `allow`: `*`, `*.suffix`, a host (any port), or `host:port`. */
  readonly max: readonly string[];
}

/** What is wrong with a host name, in words that follow the name; undefined for one that may be looked up. Lower case only. */
export function hostProblem(host: string): string | undefined {
  if (/[^a-z0-9.-]/.test(host)) return 'is not a host name: only letters, digits, "." and "-" are allowed';
  if (host.length === 0 || host.length > MAX_HOST_LENGTH) return 'is not a host name';
  const labels = host.split('.');
  if (!labels.every(label => LABEL.test(label))) return 'is not a host name';
  if (isNumber(labels.at(-1) ?? '')) return 'is an IP address; use a host name';
  return undefined;
}

/** By this a resolver takes a name for an IPv4 address, in decimal, octal or hexadecimal form, with one to four parts. */
const isNumber = (label: string): boolean => /^(?:\d+|0x[0-9a-f]*)$/.test(label);

/**
 * An entry of `network.allow`: exact host or `*.suffix`, optional `:port` (default 443). Throws VALIDATION_ERROR for IP
 * addresses, bare wildcards (`*`, `*.com`) and all else that is no host name.
 */
export function parseHostRule(text: string): HostRule {
  const [, name = '', digits] = /^(.*?)(?::(\d{1,5}))?$/s.exec(text.toLowerCase()) ?? [];
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port < 1 || port > 65_535) throw badRule(text, 'has a port that is not between 1 and 65535');
  const suffix = name.startsWith('*.') ? name.slice(2) : undefined;
  if (name === '*' || name === '*.' || (suffix !== undefined && !suffix.includes('.'))) {
    throw badRule(text, 'is a bare wildcard; name the host, or a suffix such as "*.example.com"');
  }
  const problem = hostProblem(suffix ?? name);
  if (problem !== undefined) throw badRule(text, problem);
  return { host: name, port };
}

function badRule(text: string, problem: string): AppError {
  return new AppError('VALIDATION_ERROR', `host ${JSON.stringify(text.slice(0, 300))} ${problem}`, {
    hint: 'allow takes host names such as "api.example.com", "*.example.com" or "api.example.com:8443"',
  });
}

/** `*.suffix` matches every name below the suffix, not the suffix itself. */
export function matchesRule(rule: HostRule, { host, port }: HostPort): boolean {
  return rule.port === port && matchesHost(rule.host, host);
}

function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}

/**
 * Whether a rule allows no more than the operator's upper bound: each entry is `*`, or a host or `*.suffix`, for any port unless
 * one is given. A wildcard is only within a wildcard at least as wide.
 */
export function isWithin(rule: HostRule, bounds: readonly string[]): boolean {
  return bounds.some(bound => {
    if (bound === '*') return true;
    const [, pattern = '', port] = /^(.*?)(?::(\d+))?$/.exec(bound.toLowerCase()) ?? [];
    if (port !== undefined && Number(port) !== rule.port) return false;
    return pattern === rule.host || matchesHost(pattern, rule.host.replace(/^\*\./, 'any.'));
  });
}

/**
 * The rules that a workspace's `network` stands for. Throws VALIDATION_ERROR for an entry that is no rule or lies outside the
 * operator's upper bound.
 */
export function networkRules(
  network: 'off' | 'registries' | { readonly allow: readonly string[] },
  bounds: NetworkBounds,
): HostRule[] {
  if (network === 'off') return [];
  if (network === 'registries') return bounds.registries.map(operatorRule);
  return network.allow.map(text => {
    const rule = parseHostRule(text);
    if (isWithin(rule, bounds.max)) return rule;
    throw new AppError('VALIDATION_ERROR', `host ${text} is outside what the operator allows`, {
      hint: `allowed: ${bounds.max.join(', ') || 'none'}`,
      details: { allowed: [...bounds.max] },
    });
  });
}

/** An entry of an operator's list, which may name an address: `host`, `*.suffix` or `host:port`. */
export function operatorRule(text: string): HostRule {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(text.trim().toLowerCase()) ?? [];
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}

/** Where a URL of http or https leads. */
export function ruleOfUrl(url: URL): HostRule {
  const usual = url.protocol === 'http:' ? 80 : DEFAULT_PORT;
  return { host: url.hostname.toLowerCase(), port: url.port === '' ? usual : Number(url.port) };
}

/** As people and lists write it. */
export const hostText = ({ host, port }: HostPort): string => `${host}:${port}`;
