import { lookup as resolve } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../../net/public-address.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 32 * 1024;

/** The guards against being made to ask what only this machine reaches; tests that ask a server of their own put others in place. */
export interface FetchGuards {
  readonly mayReach: (address: string) => boolean;
  readonly ports: ReadonlySet<string>;
  /** Certificate authority beside the usual ones. */
  readonly ca?: string;
}

const PUBLIC: FetchGuards = { mayReach: isPublicAddress, ports: new Set(['', '443']) };

/**
 * Gets a document that a client's id names: over https, from the public internet only, without redirects, cookies or credentials,
 * within 5 s and 32 KiB. The address is checked when the connection is made, so that a name cannot change its mind in between.
 */
export async function fetchDocument(address: string, guards: FetchGuards = PUBLIC): Promise<Response> {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol !== 'https:' || !guards.ports.has(url.port))
    throw new Error('only https at its usual port is asked');
  if (isIP(host) !== 0 && !guards.mayReach(host)) throw new Error('the address is not public');
  const { promise, resolve: settle, reject } = Promise.withResolvers<IncomingMessage>();
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  httpsRequest(url, {
    // A connection of its own: one that is kept could have been checked for another purpose.
    agent: false,
    headers: { accept: 'application/json', 'user-agent': 'boxswain' },
    lookup: guardedLookup(guards),
    signal,
    ca: guards.ca,
  })
    .once('response', settle)
    .on('error', reject)
    .end();
  const answer = await promise;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BYTES) throw new Error('the document is too long');
    chunks.push(bytes);
  }
  const headers = new Headers();
  for (const name of ['cache-control', 'expires', 'content-type'] as const) {
    const value = answer.headers[name];
    if (value !== undefined) headers.set(name, value);
  }
  return new Response(Buffer.concat(chunks), { status: statusOf(answer), headers });
}

/** Refuses a name as soon as one of its addresses is not public. */
const guardedLookup =
  ({ mayReach }: FetchGuards): LookupFunction =>
  (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, []);
      if (found.length === 0 || !found.every(({ address }) => mayReach(address)))
        return done(new Error('the name leads to an address that is not public'), []);
      const [first] = found;
      if (options.all === true || first === undefined) return done(null, found);
      done(null, first.address, first.family);
    });
  };

/** One that a `Response` can have a body with; redirects and everything else that is no success are refused by who asked. */
const statusOf = ({ statusCode = 500 }: IncomingMessage): number =>
  statusCode === 200 || statusCode >= 400 ? Math.min(statusCode, 599) : 502;
