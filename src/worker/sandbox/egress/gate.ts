import { lookup as lookupName } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { type HostPort, hostProblem, hostText, matchesRule } from '../../../protocol/host-rules.ts';
import type { HostRule } from '../../../protocol/workspace-spec.ts';
import { isPublicAddress } from '../../../net/public-address.ts';

/** All addresses of a name, as the host's resolver has them. */
export type Lookup = (host: string) => Promise<string[]>;

export type Admission =
  | { kind: 'admitted'; addresses: string[] }
  /** `reason` follows the host in a sentence, and holds nothing of the host's own network. */
  | { kind: 'refused'; reason: string }
  | { kind: 'unreachable'; reason: string };

const MOST_ADDRESSES = 4;
const MOST_LISTED = 20;

/** Decides where a box may connect to. */
export class Gate {
  readonly #rules: readonly HostRule[];
  readonly #privateHosts: ReadonlySet<string>;
  readonly #lookup: Lookup;
  /** What calls opened for their own duration. */
  readonly #opened = new Set<readonly HostRule[]>();

  constructor(options: { rules: readonly HostRule[]; privateHosts: readonly string[]; lookup?: Lookup }) {
    this.#rules = options.rules;
    this.#privateHosts = new Set(options.privateHosts.map(text => text.toLowerCase()));
    this.#lookup = options.lookup ?? resolve;
  }

  /** Opens further hosts until the answered function is called. */
  open(rules: readonly HostRule[]): () => void {
    const opened = [...rules];
    this.#opened.add(opened);
    return () => void this.#opened.delete(opened);
  }

  allows(target: HostPort): boolean {
    return this.#allRules().some(rule => matchesRule(rule, target));
  }

  /** Resolves the name once; only the answered addresses may be dialled, so that a second answer of the name cannot differ. */
  async admit(target: HostPort): Promise<Admission> {
    const { host } = target;
    // Before anything is compared: a byte that ends a string elsewhere must not pass as part of a longer name here.
    if (/[^a-z0-9.-]/.test(host)) return refused(hostProblem(host) ?? 'is not a host name');
    const isListed = this.#privateHosts.has(hostText(target));
    const problem = isListed ? undefined : hostProblem(host);
    if (problem !== undefined) return refused(problem);
    if (!this.allows(target)) return refused('is not on the list of allowed hosts');
    if (isIPv4(host)) return { kind: 'admitted', addresses: [host] };
    let addresses: string[];
    try {
      addresses = await this.#lookup(host);
    } catch {
      return { kind: 'unreachable', reason: 'does not resolve' };
    }
    if (addresses.length === 0) return { kind: 'unreachable', reason: 'does not resolve' };
    if (!isListed && !addresses.every(isPublicAddress)) return refused('resolves to an address that is not public');
    return { kind: 'admitted', addresses: addresses.slice(0, MOST_ADDRESSES) };
  }

  /** What is allowed now, for people and models. */
  describe(): string {
    const listed = [...new Set(this.#allRules().map(hostText))];
    if (listed.length === 0) return 'none';
    const more = listed.length > MOST_LISTED ? `, and ${listed.length - MOST_LISTED} more` : '';
    return listed.slice(0, MOST_LISTED).join(', ') + more;
  }

  #allRules(): HostRule[] {
    return [this.#rules, ...this.#opened].flat();
  }
}

const refused = (reason: string): Admission => ({ kind: 'refused', reason });

async function resolve(host: string): Promise<string[]> {
  const found = await lookupName(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}
