/** One HTTP request as it goes out. */
export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Called before a redirect is followed, which is a request of its own; when it rejects, so does `send`. */
  readonly beforeRedirect: () => Promise<void>;
}

/** What came back: an answer, or none. `isTimeout`: nothing came in time. */
export type Sent =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Headers; readonly text: string }
  | { readonly kind: 'too-large'; readonly status: number }
  | {
      readonly kind: 'none';
      readonly reason: string;
      /** It certainly was not received. */
      readonly wasNotSent: boolean;
      readonly isTimeout: boolean;
      readonly isTemporary: boolean;
      readonly cause: unknown;
    };

const MAX_REDIRECTS = 3;
/** No connection was made: the request never left. The value says it in words. */
const NOT_SENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  ENETUNREACH: 'network unreachable',
  EHOSTUNREACH: 'host unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
};
const BROKEN: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped',
};
const CERTIFICATE = /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_/;

/**
 * Sends a request once and reads its answer. Redirects are followed within the origin only, so that credentials never leave it; any
 * other redirect is the answer. Rejects only with the reason of the signal, and as `beforeRedirect` does.
 */
export async function send(outgoing: Outgoing): Promise<Sent> {
  const timeout = AbortSignal.timeout(outgoing.timeoutMs);
  const signal = AbortSignal.any([outgoing.signal, timeout]);
  try {
    return await receive(outgoing, signal);
  } catch (error) {
    outgoing.signal.throwIfAborted();
    if (error instanceof NotFollowed) throw error.cause;
    if (timeout.aborted) {
      const reason = `no answer from ${outgoing.url.host} within ${outgoing.timeoutMs / 1000} s`;
      return { kind: 'none', reason, wasNotSent: false, isTimeout: true, isTemporary: true, cause: error };
    }
    return { kind: 'none', isTimeout: false, cause: error, ...reasonOf(error, outgoing.url.host) };
  }
}

class NotFollowed extends Error {}

async function receive(outgoing: Outgoing, signal: AbortSignal): Promise<Sent> {
  let { url, method, body } = outgoing;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url.href, { method, headers: outgoing.headers, body, signal, redirect: 'manual' });
    const next = redirectOf(response, { url, method });
    if (next === undefined || redirects === MAX_REDIRECTS) return await readAnswer(response, outgoing.maxBytes);
    await response.body?.cancel();
    await outgoing.beforeRedirect().catch(cause => {
      throw new NotFollowed('the redirect may not be followed', { cause });
    });
    if (response.status === 303) [method, body] = ['GET', undefined];
    url = next;
  }
}

/** Where to ask instead: only on the same origin, and only where asking again does what was asked for. */
function redirectOf(response: Response, { url, method }: { url: URL; method: string }): URL | undefined {
  const location = response.headers.get('location');
  if (response.status < 300 || response.status >= 400 || location === null || !URL.canParse(location, url.href))
    return undefined;
  const isSafe = method === 'GET' || response.status === 307 || response.status === 308;
  const next = new URL(location, url);
  return isSafe && next.origin === url.origin ? next : undefined;
}

async function readAnswer(response: Response, maxBytes: number): Promise<Sent> {
  const { status, headers } = response;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    // Leaving the loop cancels the rest.
    if (size > maxBytes) return { kind: 'too-large', status };
    parts.push(part);
  }
  return { kind: 'answer', status, headers, text: Buffer.concat(parts).toString('utf8') };
}

function reasonOf(error: unknown, host: string): { reason: string; wasNotSent: boolean; isTemporary: boolean } {
  for (const code of codesOf(error)) {
    const unsent = NOT_SENT[code];
    if (unsent !== undefined) return { reason: `${unsent} (${host})`, wasNotSent: true, isTemporary: true };
    const broken = BROKEN[code];
    if (broken !== undefined) return { reason: `${broken} (${host})`, wasNotSent: false, isTemporary: true };
    if (CERTIFICATE.test(code))
      return { reason: `the certificate of ${host} was not accepted: ${code}`, wasNotSent: true, isTemporary: false };
  }
  return { reason: `no valid HTTP answer (${host})`, wasNotSent: false, isTemporary: true };
}

/** The codes of an error and of what caused it; of a connection tried at several addresses, those of the attempts. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...inner, ...codesOf(error.cause)];
}
