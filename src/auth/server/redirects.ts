/** Programs that run code with what they are given. */
const FORBIDDEN = new Set([
  'javascript:',
  'data:',
  'blob:',
  'vbscript:',
  'file:',
  'about:',
  'view-source:',
  'ws:',
  'wss:',
  'ftp:',
]);
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether codes may be sent there: over TLS, to this machine, or to a program by a scheme of its own. */
export function isSafeRedirect(uri: string): boolean {
  if (!URL.canParse(uri) || uri.includes('#')) return false;
  const { protocol, hostname, username, password } = new URL(uri);
  if (username !== '' || password !== '') return false;
  if (protocol === 'https:') return true;
  if (protocol === 'http:') return LOOPBACK.has(hostname);
  return !FORBIDDEN.has(protocol);
}

/** Whether all of them lead to a program on the user's own machine; such a program may listen at any port. */
export const areNative = (uris: readonly string[]): boolean =>
  uris.length > 0 && uris.every(uri => isSafeRedirect(uri) && new URL(uri).protocol !== 'https:');

/** Where a user is sent to, for a person to read. */
export function placeOf(uri: string): string {
  const { protocol, host, hostname } = new URL(uri);
  if (LOOPBACK.has(hostname)) return `a program on your own computer (${host})`;
  return protocol === 'https:' ? host : `a program on your own computer (${protocol}//)`;
}

/** What `form-action` must allow beside this server, since browsers hold it against redirects after a form as well. */
export function formTargetOf(uri: string): string {
  const { protocol, origin, hostname } = new URL(uri);
  const isNameable = (protocol === 'https:' || protocol === 'http:') && !hostname.startsWith('[');
  return isNameable ? origin : protocol;
}
