import { z } from 'zod';
import { PASSWORD } from './stage.ts';
import { type Seen, Visitor } from './visitor.ts';

const REDIRECT = 'http://127.0.0.1:9/callback';
/** The pair that RFC 7636 has as its example. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

const tokensSchema = z.object({ access_token: z.string(), refresh_token: z.string() });

/** What a client does without any library, step by step. */
export class CodeFlow {
  readonly visitor = new Visitor();
  readonly #url: string;
  clientId = '';
  code = '';

  constructor(url: string) {
    this.#url = url;
  }

  /** A POST to the authorization server. */
  async post(path: string, fields: Record<string, string>): Promise<Record<string, unknown>> {
    const body = new URLSearchParams({ client_id: this.clientId, ...fields });
    const response = await fetch(`${this.#url}/oauth/${path}`, { method: 'POST', body });
    return z.looseObject({}).parse(JSON.parse((await response.text()) || '{}'));
  }

  /** Registers and sends the user to sign in. */
  async begin({ scope = 'sandbox:read' } = {}): Promise<Seen> {
    const metadata = { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' };
    const headers = { 'content-type': 'application/json' };
    const sent = { method: 'POST', body: JSON.stringify(metadata), headers };
    const registered = await (await fetch(`${this.#url}/oauth/register`, sent)).json();
    this.clientId = z.looseObject({ client_id: z.string() }).parse(registered).client_id;
    const query = { client_id: this.clientId, redirect_uri: REDIRECT, response_type: 'code', scope };
    const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
    return await this.visitor.go(new URL(`/oauth/authorize?${new URLSearchParams({ ...query, ...pkce })}`, this.#url));
  }

  /** The tokens of a user who agrees. */
  async signIn(name = 'ada'): Promise<z.output<typeof tokensSchema>> {
    const consent = await this.visitor.press(await this.begin(), 'login', { name, password: PASSWORD });
    this.code = (await this.visitor.press(consent, 'consent')).url.searchParams.get('code') ?? '';
    return tokensSchema.parse(await this.redeem());
  }

  /** Shows the code; it is good once. */
  redeem(): Promise<Record<string, unknown>> {
    const grant = { grant_type: 'authorization_code', code: this.code, redirect_uri: REDIRECT };
    return this.post('token', { ...grant, code_verifier: VERIFIER });
  }

  refresh(refresh_token: string): Promise<Record<string, unknown>> {
    return this.post('token', { grant_type: 'refresh_token', refresh_token });
  }
}
