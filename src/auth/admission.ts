import { type Caller, localCaller } from './caller.ts';

/** What is known of a request before anything of it is believed. Header names are lower-case. */
export interface RequestFacts {
  /** The unix socket is mode 0600, so whoever reached it is the user of this hub. */
  readonly transport: 'tcp' | 'unix';
  /** Address of the socket's other end; undefined when it is gone already. */
  readonly peer: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** More than one Host header came; which one a proxy believed cannot be known. */
  readonly hasSeveralHosts: boolean;
}

export interface AdmissionPolicy {
  readonly isBoundToLoopback: boolean;
  readonly hosts: ReadonlySet<string>;
  readonly origins: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly code: 'UNAUTHORIZED' | 'POLICY_DENIED';
  readonly message: string;
  readonly hint: string;
}

export type Admission = { readonly caller: Caller } | { readonly refusal: Refusal };

/** The policy of a server that listens on `address` (an IP address) and `port`. */
export function admissionPolicy(options: {
  address: string;
  port: number;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
}): AdmissionPolicy {
  // Also any other address of this machine itself that it is bound to, such as 127.0.0.2: no foreign page has that name.
  const bound = options.address.includes(':') ? `[${options.address}]` : options.address;
  const names = ['localhost', '127.0.0.1', '[::1]', ...(isLoopback(options.address) ? [bound] : [])];
  const own = names.flatMap(name => [`${name}:${options.port}`, ...(options.port === 80 ? [name] : [])]);
  return {
    isBoundToLoopback: isLoopback(options.address),
    hosts: new Set([...own, ...options.allowedHosts.map(host => host.toLowerCase())]),
    origins: new Set([...own.map(host => `http://${host}`), ...options.allowedOrigins.map(normalOrigin)]),
  };
}

/**
 * Who a request acts for. Loopback is no identity: a proxy or a tunnel makes every peer 127.0.0.1. So without credentials
 * only a direct local request is answered, under a name that no foreign page can have.
 */
export function admit(facts: RequestFacts, policy: AdmissionPolicy): Admission {
  if (facts.transport === 'unix') return LOCAL;
  const refusal = refusedNames(facts, policy);
  if (refusal) return { refusal };
  const isDirect = policy.isBoundToLoopback && facts.peer !== undefined && isLoopback(facts.peer);
  return isDirect && !wasForwarded(facts.headers) ? LOCAL : { refusal: NO_CREDENTIALS };
}

/** Whether Host and Origin are ours; all that is asked of a request that shows a credential of its own. */
export function refusedNames(facts: RequestFacts, policy: AdmissionPolicy): Refusal | undefined {
  if (facts.transport === 'unix') return undefined;
  const host = single(facts.headers.host);
  if (facts.hasSeveralHosts || host === undefined || !isAllowedHost(host, policy)) return FOREIGN_HOST;
  const { origin } = facts.headers;
  const isForeign = origin !== undefined && !policy.origins.has(normalOrigin(single(origin) ?? ''));
  return isForeign ? FOREIGN_ORIGIN : undefined;
}

const LOCAL: Admission = { caller: localCaller };

const NO_CREDENTIALS: Refusal = {
  status: 401,
  code: 'UNAUTHORIZED',
  message: 'Unauthorized: Bearer token required',
  hint: 'without credentials only direct requests to a loopback address are answered',
};
const FOREIGN_HOST: Refusal = {
  status: 403,
  code: 'POLICY_DENIED',
  message: 'the Host of the request is not on the list',
  hint: 'use localhost and the port of the server, or add the name to http.allowed_hosts',
};
const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: 'POLICY_DENIED',
  message: 'the Origin of the request is not on the list',
  hint: 'add the origin to http.allowed_origins',
};

/** `127.0.0.0/8`, `::1`, and the former as IPv6 sees it. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '');
  return plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? undefined : value?.toLowerCase();

const normalOrigin = (origin: string): string => origin.toLowerCase().replace(/\/$/, '');

/** A name on the list without a port is allowed at every port. */
function isAllowedHost(host: string, { hosts }: AdmissionPolicy): boolean {
  return hosts.has(host) || hosts.has(host.replace(/:\d+$/, ''));
}

const FORWARDING = new Set([
  ...['forwarded', 'via', 'cdn-loop', 'client-ip', 'true-client-ip'],
  ...['x-client-ip', 'x-cluster-client-ip', 'x-remote-addr', 'x-remote-ip'],
]);
const FORWARDING_PREFIXES = [
  ...['x-forwarded', 'x-real-', 'x-original-', 'x-proxy', 'x-tunnel-', 'x-envoy-', 'x-arr-'],
  ...[
    'cf-',
    'fastly-',
    'fly-',
    'ngrok-',
    'x-ngrok-',
    'tailscale-',
    'x-akamai-',
    'x-amzn-',
    'x-amz-cf-',
    'x-appengine-',
  ],
  ...['x-azure-', 'x-nf-', 'x-vercel-'],
];

function wasForwarded(headers: RequestFacts['headers']): boolean {
  for (const name in headers) {
    if (FORWARDING.has(name) || FORWARDING_PREFIXES.some(prefix => name.startsWith(prefix))) return true;
  }
  return false;
}
