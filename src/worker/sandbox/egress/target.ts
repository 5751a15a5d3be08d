import type { HostPort } from '../../../protocol/host-rules.ts';

/** Where a request leads, taken from its own text: what URL parsers would mend is refused instead. */
const AUTHORITY = /^([^:@/?#[\]\s]*)(?::(\d{1,5}))?$/;
const ABSOLUTE = /^http:\/\/([^/?#]*)(\/[^#]*|\?[^#]*)?$/i;

/** The target of `CONNECT host:port`; undefined when it is not of that form. */
export function connectTarget(text: string): HostPort | undefined {
  const [, host = '', port] = AUTHORITY.exec(text) ?? [];
  return port === undefined ? undefined : hostPort(host, Number(port));
}

/** The target of `GET http://host[:port]/path`, with the path to ask it for; undefined when it is not of that form. */
export function absoluteTarget(text: string): { target: HostPort; path: string } | undefined {
  const [, authority, rest = '/'] = ABSOLUTE.exec(text) ?? [];
  if (authority === undefined) return undefined;
  const [, host = '', port = '80'] = AUTHORITY.exec(authority) ?? [];
  const target = hostPort(host, Number(port));
  return target && { target, path: rest.startsWith('/') ? rest : `/${rest}` };
}

function hostPort(host: string, port: number): HostPort | undefined {
  return host === '' || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port };
}

/** What could not be read as a target, fit to be shown and recorded. */
export const shownText = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
