import { z } from 'zod';
import { ClientApplication } from '../auth/oauth-client.ts';
import { PASSWORD } from './stage.ts';
import { Visitor } from './visitor.ts';

const gotSchema = z.object({ access_token: z.string(), refresh_token: z.string(), scope: z.string() });

/** A client application whose user signs in at the built-in server. */
export class Application extends ClientApplication {
  readonly visitor: Visitor;
  readonly user: string;
  /** What it asks for instead of all that it is offered. */
  asks: string | undefined;

  constructor({
    user = 'ada',
    visitor = new Visitor(),
    asks,
  }: { user?: string; visitor?: Visitor; asks?: string } = {}) {
    super();
    this.user = user;
    this.visitor = visitor;
    this.asks = asks;
  }

  override redirectToAuthorization(url: URL): void {
    if (this.asks !== undefined) url.searchParams.set('scope', this.asks);
    super.redirectToAuthorization(url);
  }

  override async visit(): Promise<URLSearchParams> {
    const start = this.visits.at(-1);
    if (!start) throw new Error('the user was sent nowhere');
    let page = await this.visitor.go(start);
    const typed = { name: this.user, password: PASSWORD };
    if (page.text.includes('/login"')) page = await this.visitor.press(page, 'login', typed);
    return (await this.visitor.press(page, 'consent')).url.searchParams;
  }

  get got(): z.output<typeof gotSchema> {
    return gotSchema.parse(this.saved);
  }

  get clientId(): string {
    return z.looseObject({ client_id: z.string() }).parse(this.registered).client_id;
  }
}
