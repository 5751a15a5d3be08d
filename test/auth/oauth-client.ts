import {
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import type { Era } from '../mcp/clients.ts';

const REDIRECT_URL = 'http://127.0.0.1:9/callback';

type Saved<Name extends 'tokens' | 'clientInformation'> = Awaited<ReturnType<OAuthClientProvider[Name]>>;

/** What a client application keeps, and a user with a browser of no pictures: presses every button that it is shown. */
export class ClientApplication implements OAuthClientProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: OAuthClientProvider['clientMetadata'];
  /** Where the user was sent, one after another. */
  readonly visits: URL[] = [];
  saved: Saved<'tokens'>;
  registered: Saved<'clientInformation'>;
  /** Settles when the stream of a legacy session has begun: until then the client may ask for it at any moment. */
  readonly streaming = Promise.withResolvers<void>();
  #verifier = '';

  /** `redirectUrl`: where something listens, for a user with a real browser. */
  constructor({ redirectUrl = REDIRECT_URL }: { redirectUrl?: string } = {}) {
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: 'A client of a test',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  clientInformation(): Saved<'clientInformation'> {
    return this.registered;
  }

  saveClientInformation(information: NonNullable<Saved<'clientInformation'>>): void {
    this.registered = information;
  }

  tokens(): Saved<'tokens'> {
    return this.saved;
  }

  saveTokens(tokens: NonNullable<Saved<'tokens'>>): void {
    this.saved = tokens;
  }

  redirectToAuthorization(url: URL): void {
    this.visits.push(url);
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  invalidateCredentials(scope: string): void {
    if (scope === 'all' || scope === 'tokens') this.saved = undefined;
    if (scope === 'all' || scope === 'client') this.registered = undefined;
  }

  /** The user follows the last address to the end; answers what came back to the application. */
  async visit(): Promise<URLSearchParams> {
    const start = this.visits.at(-1);
    if (!start) throw new Error('the user was sent nowhere');
    const cookies = new Map<string, string>();
    let [url, method] = [start, 'GET'];
    for (let step = 0; step < 20; step++) {
      if (url.href.startsWith(this.redirectUrl)) return url.searchParams;
      const cookie = [...cookies].map(pair => pair.join('=')).join('; ');
      const response = await fetch(url, { method, redirect: 'manual', headers: { cookie } });
      for (const set of response.headers.getSetCookie()) {
        const [name = '', value = ''] = set.split(';', 1)[0]?.split('=') ?? [];
        cookies.set(name, value);
      }
      const text = await response.text();
      const location = response.headers.get('location');
      if (location !== null) [url, method] = [new URL(location, url), 'GET'];
      else if (response.ok && text.includes('<form')) method = 'POST';
      else throw new Error(`${url.pathname} answered ${response.status}: ${text.slice(0, 500)}`);
    }
    throw new Error('the user was sent in circles');
  }
}

/** Connects; where the server asks for it, the user signs in first. */
export async function connectAs(application: ClientApplication, url: string, era: Era): Promise<Client> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const transport = transportOf(application, url);
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
    try {
      await client.connect(transport);
      return client;
    } catch (error) {
      await client.close();
      if (!(error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(await application.visit());
    }
  }
  throw new Error('the server asks for more, although the user has signed in');
}

export const transportOf = (application: ClientApplication, url: string): StreamableHTTPClientTransport =>
  new StreamableHTTPClientTransport(new URL('/mcp', url), {
    authProvider: application,
    async fetch(address, init) {
      const response = await fetch(address, init);
      if (init?.method === 'GET' && response.status === 200 && String(address).endsWith('/mcp'))
        application.streaming.resolve();
      return response;
    },
  });
