import { z } from 'zod';
import { fetchDocument, type FetchGuards } from './fetch-document.ts';
import { Limiter } from './limiter.ts';
import { areNative } from './redirects.ts';

/** At each hub, for all clients together. */
const PER_MINUTE = 30;
/** One that was no good is not asked for again so soon; the library itself would, to tell the user what is wrong. */
const PAUSE_MS = 5_000;
const MOST_REMEMBERED = 200;

const documentSchema = z.looseObject({
  redirect_uris: z.array(z.string()),
  application_type: z.string().optional(),
});

/** What clients whose ids are addresses say of themselves there. */
export class ClientDocuments {
  readonly #guards: FetchGuards | undefined;
  readonly #fetches = new Limiter(PER_MINUTE);
  readonly #asked = new Map<string, number>();

  constructor(guards: FetchGuards | undefined) {
    this.#guards = guards;
  }

  /** Whether there is room to ask for one more, which is taken. */
  mayAsk(address: string): boolean {
    const now = performance.now();
    if ((this.#asked.get(address) ?? Number.NEGATIVE_INFINITY) > now - PAUSE_MS || !this.#fetches.take()) return false;
    this.#asked.delete(address);
    this.#asked.set(address, now);
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > MOST_REMEMBERED && oldest !== undefined) this.#asked.delete(oldest);
    return true;
  }

  /** The document, without what would bind the client to less than it may ask for later. Throws when it cannot be had. */
  async get(address: string): Promise<Response> {
    const response = await fetchDocument(address, this.#guards);
    if (response.status !== 200) return response;
    const text = await response.text();
    const { status, headers } = response;
    const document = documentSchema.safeParse(parsed(text));
    if (!document.success) return new Response(text, { status, headers });
    const { scope: _, ...rest } = document.data;
    // Few say what they are; a program on the user's machine listens at whatever port is free.
    const isNative = rest.application_type === undefined && areNative(rest.redirect_uris);
    return Response.json({ ...rest, ...(isNative && { application_type: 'native' }) }, { status, headers });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
