import { z } from 'zod';
import { ClientApplication } from '../auth/oauth-client.ts';
import { PASSWORD } from './stage.ts';
import { Visitor } from './visitor.ts';

/** A client application whose user signs in at the built-in server. */
export class Application extends ClientApplication {
  readonly visitor: Visitor;
  readonly name: string;

  constructor({ name = 'ada', visitor = new Visitor() }: { name?: string; visitor?: Visitor } = {}) {
    super();
    this.name = name;
    this.visitor = visitor;
  }

  override async visit(): Promise<URLSearchParams> {
    const start = this.visits.at(-1);
    if (!start) throw new Error('the user was sent nowhere');
    let page = await this.visitor.go(start);
    if (page.text.includes('/login"'))
      page = await this.visitor.press(page, 'login', { name: this.name, password: PASSWORD });
    const { url } = await this.visitor.press(page, 'consent');
    return url.searchParams;
  }

  get got(): { access_token: string; refresh_token: string; scope: string } {
    return z.looseObject({ access_token: z.string(), refresh_token: z.string(), scope: z.string() }).parse(this.saved);
  }

  get clientId(): string {
    return z.looseObject({ client_id: z.string() }).parse(this.registered).client_id;
  }
}
