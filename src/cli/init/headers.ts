import { AppError } from '../../errors/app-error.ts';
import type { Connection } from './client.ts';

type Address = Extract<Connection, { kind: 'address' }>;

/**
 * What a client sends with each request, none where nothing is needed. `reference` writes how this client names a variable; left out:
 * it reads none in headers, and a token is refused rather than written into its file.
 */
export function headersOf(
  { toolsets, tokenVariable }: Address,
  { title, reference }: { title: string; reference?: (variable: string) => string },
): { headers?: Record<string, string> } {
  const headers: Record<string, string> = {};
  if (toolsets.length > 0) headers['X-MCP-Toolsets'] = toolsets.join(',');
  if (tokenVariable !== undefined) {
    if (reference === undefined) throw takesNoVariable(title);
    headers.Authorization = `Bearer ${reference(tokenVariable)}`;
  }
  return Object.keys(headers).length > 0 ? { headers } : {};
}

export const takesNoVariable = (title: string): AppError =>
  new AppError('CAPABILITY_UNSUPPORTED', `${title} reads no variables in headers, and a token is never written`, {
    hint: 'leave --token-env out for it: it signs in by OAuth when the server asks',
  });
