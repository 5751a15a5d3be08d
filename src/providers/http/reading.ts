import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

/** The body of an answer: its JSON, undefined when it was empty; or why it is none. */
export type Body =
  | { readonly isReadable: true; readonly value: unknown }
  | { readonly isReadable: false; readonly problem: string };

const MAX_MESSAGE = 500;
const said = z.union([
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
]);

/** Reads a body as JSON; an empty one is `undefined`. What is no JSON comes with the problem, in words that can be shown. */
export function parseBody(text: string): Body {
  if (text.trim() === '') return { isReadable: true, value: undefined };
  try {
    return { isReadable: true, value: JSON.parse(text) };
  } catch {
    const isPage = /^\s*<(!doctype|html|head|body|\?xml)/i.test(text);
    return { isReadable: false, problem: isPage ? 'an HTML page instead of JSON' : 'the answer is not JSON' };
  }
}

/** What a failed answer says of itself, in one line of at most 500 characters. */
export function messageOf(body: Body, status: number): string {
  const read = said.safeParse(body.isReadable ? body.value : undefined);
  const text = read.success ? read.data.replaceAll(/\s+/g, ' ').trim() : '';
  if (text !== '') return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
  const usual = STATUS_CODES[status] ?? 'unknown status';
  return body.isReadable ? usual : `${usual} (${body.problem})`;
}

/** The first thing that is wrong with an answer, by the name of the field. */
export function fieldProblem(error: z.ZodError): { field: string; problem: string } {
  const issue = deepest(error.issues[0]);
  const field = issue?.path.map(String).join('.') || 'body';
  const isMissing = issue?.code === 'invalid_type' && /received undefined/.test(issue.message);
  const problem = isMissing
    ? `field ${field} is missing`
    : `field ${field} cannot be read: ${issue?.message ?? 'invalid'}`;
  return { field, problem };
}

/** Of alternatives, the one that came furthest tells most. */
function deepest(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue;
  const inner = issue.errors
    .flatMap(issues => issues.slice(0, 1))
    .sort((a, b) => b.path.length - a.path.length)
    .at(0);
  const found = deepest(inner);
  return found ? { ...found, path: [...issue.path, ...found.path] } : issue;
}
