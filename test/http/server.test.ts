import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connectSocket } from '../../src/cli/socket-client.ts';
import { echo } from '../../src/operations/sandbox/echo.ts';
import { messageOf, post, postModern } from '../mcp/clients.ts';
import { startTestServer } from '../mcp/stand-in.ts';
import { taskRow } from '../mcp/stand-in-hub.ts';
import { api } from './clients.ts';

interface Facts {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly socketPath?: string;
}

/** Unlike fetch, sends the Host that it is given. */
function ask(url: string, { path = '/healthz', headers = {}, socketPath }: Facts) {
  const { hostname, port } = new URL(url);
  const where = socketPath === undefined ? { hostname, port } : { socketPath };
  return new Promise<{ status: number | undefined; challenge: string | undefined; body: string }>((resolve, reject) => {
    const sent = httpRequest({ ...where, path, headers }, response => {
      let body = '';
      response.setEncoding('utf8').on('data', chunk => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, challenge: response.headers['www-authenticate'], body }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('who is let in', () => {
  for (const path of ['/healthz', '/mcp', '/api/workspaces', '/metrics', '/']) {
    test(`${path} is refused under a foreign Host or Origin, and when it was forwarded`, async () => {
      await using server = await startTestServer();
      const { host } = new URL(server.url);
      assert.equal((await ask(server.url, { path, headers: { host: 'evil.example' } })).status, 403);
      assert.equal((await ask(server.url, { path, headers: { host, origin: 'https://evil.example' } })).status, 403);
      const forwarded = await ask(server.url, { path, headers: { host, 'x-forwarded-for': '1.2.3.4' } });
      assert.equal(forwarded.status, 401);
      assert.match(forwarded.challenge ?? '', /^Bearer/);
      assert.match(forwarded.body, /Unauthorized: Bearer token required/);
    });
  }

  test('nobody, where the server is bound beyond loopback without credentials', async () => {
    await using server = await startTestServer({ http: { host: '0.0.0.0' } });
    const { port } = new URL(server.url);
    const local = `http://127.0.0.1:${port}`;
    assert.equal((await ask(local, {})).status, 401);
    assert.equal((await ask(local, { path: '/mcp' })).status, 401);
  });
});

describe('routes', () => {
  test('that are not there answer 404 in the shape of every error', async () => {
    await using server = await startTestServer();
    for (const path of ['/nope', '/api', '/api/operations', '/mcp/x', '/mcp/x/a/b', '/%2e%2e/etc/passwd']) {
      const { status, body } = await api(server.url, `GET ${path}`);
      assert.deepEqual([status, body.code], [404, 'NOT_FOUND'], path);
    }
  });

  test('name the methods that they allow', async () => {
    await using server = await startTestServer();
    const { status, headers } = await api(server.url, 'PUT /api/workspaces');
    assert.deepEqual([status, headers.get('allow')], [405, 'GET, POST']);
  });

  for (const path of ['/mcp/sse', '/mcp/message']) {
    test(`${path} of 2024 is gone and names /mcp`, async () => {
      await using server = await startTestServer();
      for (const method of ['GET', 'POST']) {
        const { status, body } = await api(server.url, `${method} ${path}`);
        assert.equal(status, 410);
        assert.match(String(body.hint), /\/mcp/);
      }
    });
  }

  test('tell health, readiness, metrics, and what this is', async () => {
    await using server = await startTestServer();
    assert.deepEqual((await api(server.url, 'GET /healthz')).body, { status: 'ok' });
    assert.equal((await api(server.url, 'GET /readyz')).status, 200);
    await api(server.url, 'DELETE /api/workers/wk_one');
    assert.equal((await api(server.url, 'GET /readyz')).status, 503);
    const metrics = await fetch(`${server.url}/metrics`);
    assert.match(await metrics.text(), /boxswain_operation_calls_total/);
    const page = await fetch(server.url);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(await page.text(), /claude mcp add --transport http boxswain/);
  });
});

test('a taken port is named, with the way out', async () => {
  const taken = createServer();
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  try {
    await assert.rejects(startTestServer({ http: { port } }), {
      name: 'AppError',
      message: `Address already in use: 127.0.0.1:${port}`,
      hint: /--port/,
    });
  } finally {
    taken.close();
  }
});

test('close ends open streams', async () => {
  const server = await startTestServer();
  const task = taskRow();
  server.hub.taskRows.set(task.id, task);
  const stream = await fetch(`${server.url}/api/tasks/${task.id}/events`);
  const ended = stream.text();
  await server[Symbol.asyncDispose]();
  assert.match(await ended, /^: connected/);
  await assert.rejects(fetch(`${server.url}/healthz`));
});

const callsOfEras = {
  legacy: (url: string, params: Record<string, unknown>) =>
    post(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  modern: (url: string, params: Record<string, unknown>) => postModern(url, { method: 'tools/call', params }),
};
for (const [era, call] of Object.entries(callsOfEras)) {
  describe(`close, while a call of the ${era} era runs,`, () => {
    const params = { name: 'test_wait', arguments: { label: 'last' } };

    test('lets it finish', async () => {
      const server = await startTestServer();
      const answer = call(server.url, params).then(messageOf);
      await server.watch.until(() => server.watch.started.length === 1);
      const closed = server.close({ graceMs: 60_000 });
      server.watch.release();
      assert.deepEqual((await answer).result.structuredContent, { label: 'last' });
      await closed;
      assert.deepEqual(server.watch.cancelled, []);
    });

    test('cancels it after the grace', async () => {
      const server = await startTestServer();
      const lost = call(server.url, params).then(messageOf);
      const isLost = assert.rejects(lost);
      await server.watch.until(() => server.watch.started.length === 1);
      await server.close({ graceMs: 10 });
      await server.watch.until(() => server.watch.cancelled.includes('last'));
      await isLost;
    });
  });
}

describe('the unix socket', () => {
  async function inDirectory(work: (socketPath: string) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'boxswain-socket-'));
    try {
      await work(join(directory, 'hub.sock'));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  test('is closed to others, and who reaches it is the local user under whatever Host', () =>
    inDirectory(async socketPath => {
      await using server = await startTestServer({ socketPath });
      const { mode, uid } = await lstat(socketPath);
      assert.deepEqual([mode & 0o777, uid], [0o600, process.getuid?.()]);
      const headers = { host: 'anything', 'x-forwarded-for': '1.2.3.4' };
      assert.equal((await ask(server.url, { socketPath, path: '/api/workers', headers })).status, 200);
    }));

  test('serves the command line', () =>
    inDirectory(async socketPath => {
      await using server = await startTestServer({ socketPath });
      const client = await connectSocket(socketPath);
      const call = { signal: new AbortController().signal, report: () => {} };
      const { output, text } = (await client?.call(echo, { message: server.url }, call)) ?? {};
      assert.deepEqual([output, text], [{ message: server.url }, [server.url]]);
      const refused = client?.call(echo, { message: 1 }, call);
      await assert.rejects(refused ?? Promise.resolve(), { code: 'VALIDATION_ERROR', message: /"message"/ });
    }));

  test('takes the place of one that a dead process left', () =>
    inDirectory(async socketPath => {
      // A process that is killed does not remove its socket.
      const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
      spawnSync(process.execPath, ['-e', script]);
      assert.ok((await lstat(socketPath)).isSocket());
      await using server = await startTestServer({ socketPath });
      assert.equal((await ask(server.url, { socketPath })).status, 200);
    }));

  test('stays with the hub that has it', () =>
    inDirectory(async socketPath => {
      await using first = await startTestServer({ socketPath });
      await using second = await startTestServer({ socketPath });
      await api(first.url, 'POST /api/workspaces', {});
      const answer = await ask(second.url, { socketPath, path: '/api/workspaces' });
      assert.equal(JSON.parse(answer.body).total, 1);
    }));

  test('never replaces a file', () =>
    inDirectory(async socketPath => {
      await writeFile(socketPath, 'precious');
      await chmod(socketPath, 0o644);
      await assert.rejects(startTestServer({ socketPath }), { code: 'POLICY_DENIED' });
    }));
});
