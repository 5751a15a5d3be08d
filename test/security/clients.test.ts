import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { api } from '../http/clients.ts';
import { connect, messageOf, post, postModern } from '../mcp/clients.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
let workspace_id: string;
beforeFirst(async () => {
  scratch = await scratchDirectory();
  server = await startServer({ directory: scratch.path });
  const { body } = await api(server.url, 'POST /api/workspaces', {});
  workspace_id = z.string().parse(body.workspace_id);
});
afterLast(async () => {
  await server?.stop();
  await scratch.remove();
});

const echo = (message: string) => ({ name: 'echo', arguments: { message } });
const rpc = (id: number | string, params: object) => ({ jsonrpc: '2.0', id, method: 'tools/call', params });
const run = async (command: string) =>
  z
    .looseObject({ stdout: z.string() })
    .parse((await api(server.url, 'POST /api/operations/run_command', { workspace_id, command })).body).stdout;

describe('one server that many clients share', () => {
  test('gives each its own answer, although all use the same request ids at the same time', async () => {
    // As CVE-2026-25536 was: answers went to whoever had connected last.
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, at) => connect(server.url, at % 2 === 0 ? 'legacy' : 'auto')),
    );
    try {
      const said = clients.flatMap((_, client) => [0, 1, 2, 3].map(turn => ({ client, message: `${client}-${turn}` })));
      const answers = await Promise.all(
        said.map(({ client, message }) => clients[client]?.client.callTool(echo(message))),
      );
      const heard = answers.map(answer => z.looseObject({ message: z.string() }).parse(answer?.structuredContent));
      assert.deepEqual(
        heard.map(({ message }) => message),
        said.map(({ message }) => message),
      );
    } finally {
      await Promise.all(clients.map(client => client[Symbol.asyncDispose]()));
    }
  });

  test('answers requests of one id that come without a session each on its own connection', async () => {
    const messages = Array.from({ length: 40 }, (_, at) => `m${at}`);
    const answers = await Promise.all(
      messages.map((message, at) =>
        at % 2 === 0
          ? post(server.url, rpc(1, echo(message))).then(messageOf)
          : postModern(server.url, { id: 1, method: 'tools/call', params: echo(message) }).then(messageOf),
      ),
    );
    assert.deepEqual(
      answers.map(({ result }) => result.structuredContent.message),
      messages,
    );
  });
});

describe('a requestState', () => {
  const answerTo = async (params: Record<string, unknown>) =>
    await messageOf(await postModern(server.url, { method: 'tools/call', params }));
  const states = [
    '',
    'v1.e30.AAAA',
    'v1.e30.AAAA'.repeat(1_000),
    'admin',
    '{"caller":"local","scopes":["admin"]}',
    '\0',
  ];

  test('that is replayed, tampered with or made up gives nothing that the call would not give', async () => {
    for (const params of [echo('x'), { name: 'fs_read', arguments: { workspace_id, path: 'missing' } }]) {
      const plain = await answerTo(params);
      for (const requestState of states) {
        for (const inputResponses of [undefined, {}, { confirm: { action: 'accept', content: { ok: true } } }])
          assert.deepEqual(await answerTo({ ...params, requestState, inputResponses }), plain, requestState);
      }
    }
  });

  test('of another form is refused, or ignored, and nothing is run for it', async () => {
    for (const requestState of [1, null, {}, ['a'], true]) {
      const response = await postModern(server.url, { method: 'tools/call', params: { ...echo('x'), requestState } });
      assert.ok(response.status === 200 || response.status === 400, `${response.status}`);
      assert.doesNotMatch(await response.text(), /Internal|"code":-32603/);
    }
  });
});

test('headers that say otherwise than the body are refused before anything is run', async () => {
  const made = { name: 'fs_write', arguments: { workspace_id, path: 'mismatch', content: 'x' } };
  const mismatches: readonly Record<string, string>[] = [
    { 'mcp-name': 'echo' },
    { 'mcp-name': 'FS_WRITE' },
    { 'mcp-name': 'fs_write, echo' },
    { 'mcp-name': '' },
    { 'mcp-method': 'tools/list' },
    { 'mcp-method': 'TOOLS/CALL' },
    { 'mcp-method': '' },
    { 'mcp-protocol-version': '2999-01-01' },
  ];
  for (const headers of mismatches) {
    const response = await postModern(server.url, { method: 'tools/call', params: made }, { headers });
    const told = `${JSON.stringify(headers)}: ${response.status}`;
    assert.equal(response.status, 400, told);
    assert.ok([-32020, -32022].includes((await messageOf(response)).error.code), told);
  }
  assert.equal((await run('ls')).includes('mismatch'), false);
});

test('what a program writes for terminals reaches no client raw, and loses nothing', async () => {
  const written = '\u001b]0;owned\u0007\u001b[31mred\u202egnp.exe\u2066x\u0008';
  const params = { name: 'run_command', arguments: { workspace_id, command: ['printf', '%s', written] } };
  for (const response of [
    await post(server.url, rpc(1, params)),
    await postModern(server.url, { method: 'tools/call', params }),
  ]) {
    const text = await response.text();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f]/);
    const stdout = z.looseObject({
      result: z.looseObject({ structuredContent: z.looseObject({ stdout: z.string() }) }),
    });
    const message = await messageOf(new Response(text, { headers: response.headers }));
    assert.equal(stdout.parse(message).result.structuredContent.stdout, written);
  }
});

for (const surface of ['MCP', 'HTTP'] as const) {
  test(`a client that hangs up frees the box of what it ran over ${surface}`, async () => {
    const file = `begun-${surface}`;
    const args = { workspace_id, command: `touch ${file}; sleep 600` };
    const leaving = new AbortController();
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, signal: leaving.signal };
    const lost =
      surface === 'MCP'
        ? postModern(server.url, { method: 'tools/call', params: { name: 'run_command', arguments: args } }, sent)
        : fetch(`${server.url}/api/operations/run_command`, { ...sent, body: JSON.stringify(args) });
    const ended = assert.rejects(lost);
    const begun = { workspace_id, path: file };
    await eventually(async () => (await api(server.url, 'POST /api/operations/fs_read', begun)).status === 200, 30_000);
    leaving.abort();
    await ended;
    // Commands of one workspace run one after another: while the first goes on this one has nothing to tell.
    assert.equal(await run('echo free'), 'free\n');
  });
}
