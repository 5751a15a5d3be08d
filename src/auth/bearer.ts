const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
/** Where clients have been seen to put tokens that belong into the header. */
const IN_QUERY = /[?&](access_token|bearer_token|token|authorization|api_key)=/i;

/** What stands in the Authorization header. Credentials of another kind are no reason to believe that none came. */
export function bearerIn(authorization: string | string[] | undefined): { token: string } | 'none' | 'unreadable' {
  if (authorization === undefined) return 'none';
  const [, token] = typeof authorization === 'string' ? (BEARER.exec(authorization) ?? []) : [];
  return token === undefined ? 'unreadable' : { token };
}

/** Whether an address carries a token, which ends up in logs and histories. */
export const hasTokenInQuery = (url: string): boolean => IN_QUERY.test(url);
