/** Where boxd's relay to the workspace's proxy listens in the box. */
export const PROXY_URL = 'http://127.0.0.1:3128';

/**
 * Leads programs through the proxy. Both cases, because curl reads only the lower one for http; an empty `no_proxy`, or hosts of
 * loopback would be sought in the box itself.
 */
export const PROXY_ENV: Readonly<Record<string, string>> = {
  HTTP_PROXY: PROXY_URL,
  HTTPS_PROXY: PROXY_URL,
  http_proxy: PROXY_URL,
  https_proxy: PROXY_URL,
  NO_PROXY: '',
  no_proxy: '',
};
