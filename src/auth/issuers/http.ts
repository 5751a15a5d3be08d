import { AppError } from '../../errors/app-error.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 512 * 1024;

export interface IssuerAnswer {
  readonly status: number;
  /** Parsed; undefined when it is no JSON. */
  readonly body: unknown;
}

export interface IssuerRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
}

/**
 * One request to an authorization server. Follows no redirection, which could lead a token elsewhere, and reads 512 KiB at most.
 * Throws AppError SERVICE_UNAVAILABLE when it does not answer within 5 s, or says itself that it cannot.
 */
export async function askIssuer(
  url: string,
  { method = 'GET', headers = {}, form }: IssuerRequest = {},
): Promise<IssuerAnswer> {
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      body: form && new URLSearchParams(form),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await textOf(response);
    if (response.status >= 500 || response.status === 429) throw new Error(`answered ${response.status}`);
    return { status: response.status, body: parsed(text) };
  } catch (cause) {
    throw issuerAway(url, cause);
  }
}

/** Nobody can be judged while their authorization server is away; that is no verdict on their token. */
export function issuerAway(url: string, cause: unknown): AppError {
  return new AppError('SERVICE_UNAVAILABLE', `the authorization server ${new URL(url).host} does not answer`, {
    hint: 'try again in a few seconds; if it stays so, the operator finds more with boxswain doctor',
    details: { retry_after_seconds: 5 },
    cause,
  });
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
