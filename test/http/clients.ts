import type { StandInHub } from '../mcp/stand-in-hub.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A request to /api with a JSON answer. */
export async function api(
  url: string,
  target: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [method = 'GET', path = '/'] = target.split(' ');
  const response = await fetch(new URL(path, url), {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

/** Puts an artifact into the stand-in hub. */
export function addArtifact(
  hub: StandInHub,
  { id, name, contentType, bytes }: { id: string; name: string; contentType: string; bytes: Buffer },
): void {
  const record = {
    id,
    caller: 'local',
    workspaceId: 'ws_x',
    taskId: null,
    name,
    path: `artifacts/${name}`,
    sizeBytes: bytes.length,
    contentType,
    sha256: 'b'.repeat(64),
    labels: {},
    createdAt: 0,
    expiresAt: null,
  };
  hub.artifactRows.set(id, { record, bytes });
}

/** Server-sent events as they come: `id: …` and `event: …` of each. */
export async function* eventsOf(response: Response): AsyncGenerator<{ id: string; event: string; data: string }> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1] ?? '';
      if (field('id') !== '') yield { id: field('id'), event: field('event'), data: field('data') };
    }
  }
}
