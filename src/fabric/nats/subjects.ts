import { type Identity, partsOf } from '../identity.ts';
import type { Address } from '../fabric.ts';

/** Stands in for a byte that a subject may not hold, as in `=2E` for a dot. */
const ESCAPE = '=';
const PLAIN = /^[A-Za-z0-9_:@~-]$/;
const ALL = 'all';

/**
 * Any text as one token of a subject: no dot, wildcard or space can get out of its place, and different texts stay different.
 * The address of all workers is no worker's. Throws for text that is not well-formed Unicode.
 */
export function tokenOf(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a name must be well-formed text');
  if (text === '') return ESCAPE;
  if (text === ALL) return `${escaped(text.charCodeAt(0))}${text.slice(1)}`;
  let token = '';
  for (const letter of text) token += PLAIN.test(letter) ? letter : Array.from(Buffer.from(letter), escaped).join('');
  return token;
}

/** The text that `tokenOf` was given; undefined for a token that it never makes. */
export function textOf(token: string): string | undefined {
  if (token === ESCAPE) return '';
  const bytes: number[] = [];
  for (let at = 0; at < token.length; at += 1) {
    if (token[at] !== ESCAPE) {
      bytes.push(token.charCodeAt(at));
      continue;
    }
    bytes.push(Number.parseInt(token.slice(at + 1, at + 3), 16));
    at += 2;
  }
  const text = Buffer.from(bytes).toString('utf8');
  return text.isWellFormed() && tokenOf(text) === token ? text : undefined;
}

const escaped = (byte: number): string => `${ESCAPE}${byte.toString(16).toUpperCase().padStart(2, '0')}`;

/** Where a worker, or everybody who serves all workers, is asked. */
export const workerSubject = (worker: string): string => `w.${tokenOf(worker)}.rpc`;
export const ALL_WORKERS = `w.${ALL}.rpc`;
/** Where a hub asks a worker which of its requests the worker still has. */
export const inquirySubject = (worker: string): string => `w.${tokenOf(worker)}.inquiry`;
/** What hubs listen to; which worker asks is the second token, and the broker has made sure of it. */
export const ANY_HUB = 'h.*.rpc';
export const HUB_QUEUE = 'hub';

/** Whom `self` asks at `to`: a request to a hub goes out under the asker's own name. */
export function requestSubject(to: Address, self: string): string {
  if ('worker' in to) return workerSubject(to.worker);
  return 'workers' in to ? ALL_WORKERS : `h.${tokenOf(self)}.rpc`;
}

export function topicSubject(topic: string): string {
  const { kind, owner, name } = partsOf(topic);
  const owned = kind === 'w' && owner === ALL ? ALL : owner !== undefined && tokenOf(owner);
  return [tokenOf(kind), owned, name !== undefined && tokenOf(name)].filter(part => part !== false).join('.');
}

/** What only this connection may hear; `permissions.ts` grants it. */
export const inboxPrefix = (id: string): string => `_INBOX_${tokenOf(id)}`;

/** Where one connection hears the answers to what it asks. */
export interface ReplySubjects {
  /** Answers of hubs, and the broker's word that nobody is there. */
  readonly inbox: string;
  /** Answers of workers: each sends them under its own name, which the broker enforces. */
  readonly answers: string;
  replyTo(request: number): string;
}

/** `nonce` is new for each connection. */
export function replySubjects(id: string, nonce: string): ReplySubjects {
  const inbox = `${inboxPrefix(id)}.${nonce}`;
  return {
    inbox: `${inbox}.*`,
    answers: `h.*.answer.${nonce}.*`,
    replyTo: request => `${inbox}.${request}`,
  };
}

export interface ReplyTo {
  /** Who asks. */
  readonly asker: string;
  readonly nonce: string;
  readonly request: number;
}

/** Takes a reply subject apart. Undefined for anything that no asker of ours sends, such as a subject it may not publish to itself. */
export function parseReplyTo(subject: string): ReplyTo | undefined {
  const [inbox = '', nonce = '', request = '', ...rest] = subject.split('.');
  const asker = inbox.startsWith('_INBOX_') ? textOf(inbox.slice('_INBOX_'.length)) : undefined;
  if (asker === undefined || rest.length > 0 || !/^[a-z0-9]+$/.test(nonce) || !/^\d{1,15}$/.test(request))
    return undefined;
  return { asker, nonce, request: Number(request) };
}

/** Where `self` sends its answer. */
export function answerSubject(self: Identity, { asker, nonce, request }: ReplyTo): string {
  if ('hub' in self) return `${inboxPrefix(asker)}.${nonce}.${request}`;
  return `h.${tokenOf(self.worker)}.answer.${nonce}.${request}`;
}

/** Who speaks on a subject of hubs, and the number of the request where it is an answer. */
export function parseHubSubject(subject: string): { from: string; request: number } | undefined {
  const tokens = subject.split('.');
  const from = textOf(tokens[1] ?? '');
  return from === undefined ? undefined : { from, request: Number(tokens.at(-1)) };
}
