import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Caller } from '../../src/auth/caller.ts';
import { createApi } from '../../src/http/api.ts';
import { silentLog } from '../../src/log/log.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { inScope } from '../../src/telemetry/scope.ts';
import { deposit, type Handles, type Kind, neverExisted } from './handles.ts';
import { callerOf, openStage, type Stage } from './stage.ts';

/** What stands in the paths of routes, by their beginnings: the first that fits. Undefined: nothing of a caller. */
const PLACES: readonly (readonly [prefix: string, kind: Kind | 'upload' | undefined])[] = [
  ['/api/workspaces/:', 'workspace'],
  ['/api/tasks/:', 'task'],
  ['/api/artifacts/:', 'artifact'],
  ['/api/uploads/:', 'upload'],
  ['/api/sessions/:', 'session'],
  ['/api/projects/:', 'slug'],
  ['/api/agents/workspaces/:', 'workspace'],
  ['/api/agents/:', 'agent'],
  ['/api/shares/:', 'share'],
  ['/api/tokens/:', 'token'],
  ['/api/workers/', undefined],
];

/** Bodies without which a request would be refused for its form. */
const BODIES: Readonly<Record<string, object>> = {
  'PATCH /api/workspaces/:id': { metadata: {} },
  'PUT /api/workspaces/:id/metadata': { metadata: {} },
  'PATCH /api/sessions/:session_id': { title: 'x' },
  'POST /api/sessions/:session_id/prompt': { text: 'x' },
  'POST /api/sessions/:session_id/permission': { requestId: randomUUID(), behavior: 'deny' },
  'POST /api/agents/:agent_id/input': { input_text: 'x' },
  'POST /api/projects/:slug/sessions': { agent: 'scripted' },
};

const ada = callerOf('user:ada');
const eve = callerOf('user:eve');

describe('routes with something in their path', () => {
  let stage: Stage;
  let adas: Handles & { readonly upload: string };
  let api: ReturnType<typeof createApi>;
  const closing = new AbortController();

  const ask = async (caller: Caller, method: string, path: string, body?: object | FormData): Promise<Response> => {
    const headers = { 'content-type': 'application/json' };
    const sent = body instanceof FormData ? { body } : body && { headers, body: JSON.stringify(body) };
    const request = new Request(`http://localhost${path}`, { method, ...sent });
    return await inScope({ requestId: randomUUID() }, async () => await api.fetch(request, { caller }));
  };
  /** Holds the answers to both paths to each other; whatever the foreign one names may stand in them. */
  const assertAlike = async (
    method: string,
    paths: readonly [string, string],
    handles: readonly [string, string],
    body?: object,
  ) => {
    const [foreign, never] = await Promise.all(paths.map(path => ask(eve, method, path, body)));
    assert.ok(foreign && never);
    const [first, second] = [await foreign.text(), await never.text()];
    assert.equal(foreign.status, never.status, `${method} ${paths[0]}: ${first} ${second}`);
    const plain = (text: string, handle: string) =>
      text
        .replaceAll(handle, '')
        .replaceAll(handle.replace(/^\w+:/, ''), '')
        .replaceAll(/"computedAt":\d+/g, '');
    assert.equal(plain(first, handles[0]), plain(second, handles[1]), `${method} ${paths[0]}`);
    assert.ok(!plain(first, handles[0]).includes('adas-own'), first);
    assert.notEqual(foreign.status, 400, `${method} ${paths[0]}: ${first}`);
  };

  before(async () => {
    stage = await openStage();
    const parts = { hub: stage.hub, log: silentLog, operations: allOperations, maxBodyBytes: 1_000_000 };
    api = createApi({ ...parts, closing: closing.signal });
    const made = await deposit(stage, ada, 'adas-own');
    const announced = await ask(ada, 'POST', '/api/artifacts', { workspace_id: made.workspace, name: 'a' });
    const { upload_url } = Object(await announced.json());
    adas = { ...made, upload: String(upload_url).replace('/api/uploads/', '') };
  });
  after(async () => {
    closing.abort();
    await stage.close();
  });

  test('tell nothing of what is somebody else’s, whichever route it is', async () => {
    const routes = api.routes.filter(({ path, method }) => path.includes(':') && method !== 'ALL');
    assert.ok(routes.length > 25);
    for (const { method, path } of routes) {
      const place = PLACES.find(([prefix]) => path.startsWith(prefix));
      assert.ok(place, `${path} holds something: say in this test what it is`);
      const [, kind] = place;
      if (kind === undefined) continue;
      const [handle, other] = [adas[kind], neverExisted(adas[kind])];
      const at = (one: string) => path.replace(/:\w+/, encodeURIComponent(one));
      const key = `${method} ${path}`;
      const isUpload = path.endsWith('/upload');
      const form = new FormData();
      form.set('file', new File(['x'], 'x.txt'));
      const body = isUpload ? form : (BODIES[key] ?? (method === 'GET' || method === 'DELETE' ? undefined : {}));
      await assertAlike(method, [at(handle), at(other)], [handle, other], body);
    }
  });

  test('streams that are named in a query tell nothing either', async () => {
    for (const [path, handle] of [
      ['/api/events?session_id=', adas.session],
      ['/api/events?stream=', adas.stream],
      ['/api/events?stream=task:', adas.task],
      ['/sse?task_id=', adas.task],
    ] as const) {
      const other = neverExisted(handle);
      await assertAlike('GET', [`${path}${handle}`, `${path}${other}`], [handle, other]);
    }
  });

  test('their owner is answered', async () => {
    for (const path of [
      `/api/workspaces/${adas.workspace}`,
      `/api/tasks/${adas.task}`,
      `/api/artifacts/${adas.artifact}/content`,
      `/api/sessions/${adas.session}`,
      `/api/agents/${adas.agent}`,
    ])
      assert.equal((await ask(ada, 'GET', path)).status, 200, path);
  });
});
