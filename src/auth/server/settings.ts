import { type Configuration, errors, interactionPolicy, Provider } from 'oidc-provider';
import type { AuthServerConfig } from '../../config/auth-server.ts';
import type { Store } from '../../store/store.ts';
import { knownScopes } from '../caller.ts';
import { canonical, type Resource } from '../resource.ts';
import { createAdapter, type Revocation } from './adapter.ts';
import { ClientDocuments } from './client-documents.ts';
import type { FetchGuards } from './fetch-document.ts';
import type { ServerKeys } from './keys.ts';
import { errorPage, sendPage } from './pages.ts';
import { isSafeRedirect } from './redirects.ts';

const HOUR = 60 * 60;
const DAY = 24 * HOUR;
/** The draft of client-id metadata documents that the library implements. */
const DOCUMENTS_DRAFT = 'draft-02';

export interface SettingsParts {
  readonly store: Pick<Store, 'signIn'>;
  readonly keys: ServerKeys;
  readonly config: AuthServerConfig;
  /** The address that clients know this server by. */
  readonly issuer: string;
  readonly resource: Resource;
  readonly guards?: FetchGuards;
  readonly revoked: (revocation: Revocation) => void;
}

/** Where the library answers, and where its users sign in. */
export const ROUTES = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/jwks',
  registration: '/oauth/register',
  revocation: '/oauth/revoke',
  end_session: '/oauth/session/end',
} as const;
export const INTERACTION = '/oauth/interaction';

/** The whole of what is switched on: codes with PKCE for clients that are public or have a secret, refresh tokens, and nothing else. */
export function settingsOf({ store, keys, config, issuer, resource, guards, revoked }: SettingsParts): Configuration {
  const mount = new URL(issuer).pathname.replace(/\/$/, '');
  const isHttps = issuer.startsWith('https:');
  const cookie = { httpOnly: true, sameSite: 'lax', secure: isHttps, signed: true } as const;
  const documents = new ClientDocuments(guards);
  return {
    adapter: createAdapter({
      store,
      returnTo: uid => `${issuer}${ROUTES.authorization}/${uid}`,
      revoked,
      isReplayed: () => Provider.ctx?.oidc.route === 'token',
    }),
    jwks: { keys: keys.signing },
    routes: ROUTES,
    cookies: {
      keys: keys.cookies,
      names: { session: 'boxswain_session', interaction: 'boxswain_interaction', resume: 'boxswain_resume' },
      long: cookie,
      short: cookie,
    },
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    clientDefaults: { id_token_signed_response_alg: 'ES256', grant_types: ['authorization_code', 'refresh_token'] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    pkce: { required: () => true },
    // Clients may name them when they register. `admin` is not offered, and given only where a client asks for it by name.
    scopes: ['openid', 'offline_access', ...knownScopes.filter(scope => scope !== 'admin')],
    claims: { openid: ['sub'] },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      introspection: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
      registration: { enabled: config.registration, issueRegistrationAccessToken: false },
      clientIdMetadataDocument: {
        enabled: config.registration,
        ack: DOCUMENTS_DRAFT,
        allowFetch: (_context, address) => documents.mayAsk(address),
        allowClient: (_context, client) => (client.redirectUris ?? []).every(isSafeRedirect),
        cacheDuration: { min: 60, max: DAY },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context, _client, oneOf) => oneOf?.[0] ?? resource.mcp,
        useGrantedResource: () => true,
        getResourceServerInfo(_context, indicator) {
          if (!isResource(indicator, resource)) throw new errors.InvalidTarget('only this server is protected here');
          return {
            scope: knownScopes.join(' '),
            audience: resource.mcp,
            accessTokenFormat: 'jwt',
            accessTokenTTL: config.access_token_seconds,
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
    // The grant, by which a token is void as soon as that is revoked.
    formats: {
      customizers: {
        jwt(_context, token, { payload }) {
          if ('grantId' in token) payload.grant_id = token.grantId;
        },
      },
    },
    ttl: {
      AccessToken: config.access_token_seconds,
      AuthorizationCode: 60,
      Interaction: 10 * 60,
      Session: 12 * HOUR,
      IdToken: HOUR,
      RefreshToken: 30 * DAY,
      Grant: 90 * DAY,
    },
    rotateRefreshToken: true,
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    clientBasedCORS: () => true,
    fetch: input => documents.get(String(input)),
    fetchResponseBodyLimits: { 'client_id metadata document': 32 * 1024 },
    interactions: { policy: alwaysConsent(), url: (_context, { uid }) => `${mount}${INTERACTION}/${uid}` },
    // Each consent has a grant of its own, so that what is revoked is one installation of a client and not all of them.
    async loadExistingGrant({ oidc }) {
      const { grantId } = oidc.result?.consent ?? {};
      return grantId === undefined ? undefined : await oidc.provider.Grant.find(grantId);
    },
    async findAccount(_context, name) {
      const user = await store.signIn.user(name);
      if (user === undefined || user.isLocked) return undefined;
      return { accountId: name, claims: () => ({ sub: name }) };
    },
    renderError(context, { error_description: description }) {
      context.respond = false;
      sendPage(context.res, errorPage(String(description ?? 'the request is not valid')), { status: context.status });
    },
  };
}

/** Asked every time: a session in the browser must not be enough for a client that somebody else has set up. */
function alwaysConsent(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const { Check } = interactionPolicy;
  const checks = policy.get('consent')?.checks;
  if (!checks) throw new Error('the library asks for no consent');
  const always = new Check('always', 'the user must agree', 'consent_required', ({ oidc }) =>
    oidc.result?.consent === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
  );
  checks.add(always);
  checks.remove('native_client_prompt');
  // Scopes are granted for the resource, never for the account alone.
  checks.remove('op_scopes_missing');
  return policy;
}

function isResource(indicator: string, { base, mcp }: Resource): boolean {
  const asked = canonical(indicator);
  return (
    asked === base || asked === mcp || (asked.startsWith(`${mcp}/x/`) && !asked.slice(mcp.length + 3).includes('/'))
  );
}
