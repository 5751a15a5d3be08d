import type { Authority } from './authority.ts';

export interface ServerConfigOptions {
  /** Address for clients; 0.0.0.0:4222 when left out. */
  readonly listen?: string;
  /** Address for workers that come over WebSocket; none when left out. */
  readonly webSocketListen?: string;
  /** Directory of the server for what it learns about accounts. It must outlive the server: revocations are kept there. */
  readonly resolverDirectory: string;
  /** PEM files of the server. Without them everything travels in the clear, which only a private network may see. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/**
 * The configuration of a nats-server (2.9 or newer) that lets in only whom the authority has made a credential for. It holds no secret.
 * What the server has learnt since is newer than what stands here, and wins at a restart.
 */
export async function natsServerConfig(authority: Authority, options: ServerConfigOptions): Promise<string> {
  const { listen = '0.0.0.0:4222', webSocketListen, resolverDirectory, tls } = options;
  const tlsBlock = tls && `tls { cert_file: ${quoted(tls.certFile)}, key_file: ${quoted(tls.keyFile)} }`;
  const [operator, account, system] = await Promise.all([
    authority.operatorJwt(),
    authority.accountJwt(),
    authority.systemAccountJwt(),
  ]);
  return [
    '# Written by Boxswain. It holds no secret.',
    `listen: ${quoted(listen)}`,
    ...(tlsBlock ? [tlsBlock] : []),
    ...(webSocketListen ? [`websocket { listen: ${quoted(webSocketListen)}, ${tlsBlock ?? 'no_tls: true'} }`] : []),
    '# A worker whose machine has vanished is missed within half a minute.',
    'ping_interval: "10s"',
    'ping_max: 2',
    'max_payload: 1MB',
    `operator: ${quoted(operator)}`,
    `system_account: ${quoted(authority.systemAccount)}`,
    `resolver { type: full, dir: ${quoted(resolverDirectory)}, allow_delete: false, interval: "2m" }`,
    'resolver_preload {',
    `  ${authority.account}: ${quoted(account)}`,
    `  ${authority.systemAccount}: ${quoted(system)}`,
    '}',
    '',
  ].join('\n');
}

const quoted = (text: string): string => JSON.stringify(text);
