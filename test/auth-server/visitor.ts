/** A page, or the redirect that leads out of the server. */
export interface Seen {
  readonly url: URL;
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A person with a browser without scripts: keeps cookies, follows redirects, fills in forms. */
export class Visitor {
  readonly #cookies = new Map<string, { value: string; path: string }>();
  /** Every Set-Cookie that came, whole. */
  readonly setCookies: string[] = [];
  readonly #via: (url: URL) => URL;

  /** `via`: where a request for an address is really sent, as by a balancer. */
  constructor({ via = url => url }: { via?: (url: URL) => URL } = {}) {
    this.#via = via;
  }

  /** Goes there, and on to where it leads on this server; what leads elsewhere is answered as it is. */
  async go(url: URL, form?: { fields: Record<string, string>; headers?: Record<string, string> }): Promise<Seen> {
    let [at, body] = [url, form && new URLSearchParams(form.fields)];
    for (let step = 0; step < 10; step++) {
      const headers = {
        accept: 'text/html',
        cookie: this.#cookiesFor(at),
        ...(body && { origin: url.origin }),
        ...form?.headers,
      };
      const response = await fetch(this.#via(at), { method: body ? 'POST' : 'GET', body, headers, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const text = await response.text();
      const location = response.headers.get('location');
      if (location === null) return { url: at, status: response.status, text, headers: response.headers };
      [at, body] = [new URL(location, at), undefined];
      if (at.origin !== url.origin) return { url: at, status: response.status, text, headers: response.headers };
    }
    throw new Error('sent in circles');
  }

  /** Presses the button of the form whose address ends in this. */
  async press(page: Seen, step: string, fields: Record<string, string> = {}): Promise<Seen> {
    const [, action] = new RegExp(`<form[^>]* action="([^"]*/${step})"`).exec(page.text) ?? [];
    if (action === undefined) throw new Error(`no form leads to ${step}: ${page.status} ${page.text}`);
    return await this.go(new URL(action, page.url), { fields });
  }

  #cookiesFor({ pathname }: URL): string {
    const found = [...this.#cookies].filter(([, { path }]) => pathname.startsWith(path));
    return found.map(([key, { value }]) => `${key.split(' ')[0]}=${value}`).join('; ');
  }

  #keep(line: string): void {
    this.setCookies.push(line);
    const [pair = '', ...rest] = line.split(';');
    const at = pair.indexOf('=');
    const path = rest.find(part => /^ *path=/i.test(part))?.split('=')[1] ?? '/';
    const key = `${pair.slice(0, at)} ${path}`;
    if (/expires=Thu, 01 Jan 1970/i.test(line)) this.#cookies.delete(key);
    else this.#cookies.set(key, { value: pair.slice(at + 1), path });
  }
}
