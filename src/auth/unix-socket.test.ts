import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { hasOwnSocket, listenOnSocket } from './unix-socket.ts';

const isDenied = (error: unknown) => error instanceof AppError && error.code === 'POLICY_DENIED';

async function setUp(context: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-socket-'));
  const servers: Server[] = [];
  context.after(async () => {
    for (const server of servers) if (server.listening) await once(server.close(), 'close');
    await rm(directory, { recursive: true });
  });
  const newServer = () => {
    const server = createServer();
    servers.push(server);
    return server;
  };
  return { directory, path: join(directory, 'hub.sock'), newServer };
}

test('a socket is made for this user alone, and is found as such', async context => {
  const { path, newServer } = await setUp(context);
  assert.equal(await hasOwnSocket(path), false);
  assert.equal(await listenOnSocket(newServer(), path), true);
  assert.equal((await lstat(path)).mode & 0o777, 0o600);
  assert.equal(await hasOwnSocket(path), true);
});

test('a socket that others may open is refused, and the text names no path', async context => {
  const { directory, path, newServer } = await setUp(context);
  await listenOnSocket(newServer(), path);
  await chmod(path, 0o660);
  await assert.rejects(hasOwnSocket(path), (error: unknown) => {
    assert.ok(error instanceof AppError && isDenied(error));
    return !JSON.stringify(error.toShape()).includes(directory);
  });
});

test('a living listener keeps its socket; one that a dead process left is replaced', async context => {
  const { path, newServer } = await setUp(context);
  const program = "require('net').createServer().listen(process.argv[1], () => console.log('listening'))";
  const other = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(other.stdout, 'data');
  assert.equal(await listenOnSocket(newServer(), path), false);
  const exited = once(other, 'exit');
  other.kill('SIGKILL');
  await exited;
  assert.ok((await lstat(path)).isSocket());
  assert.equal(await listenOnSocket(newServer(), path), true);
});

test('what is no socket stays untouched', async context => {
  const { directory, path, newServer } = await setUp(context);
  await writeFile(path, 'precious');
  await assert.rejects(listenOnSocket(newServer(), path), isDenied);
  assert.equal(await readFile(path, 'utf8'), 'precious');
  assert.equal(await hasOwnSocket(path), false);
  const link = join(directory, 'link');
  await symlink(path, link);
  await assert.rejects(listenOnSocket(newServer(), link), isDenied);
});

test('a path too long for a socket is refused instead of cut', async context => {
  const { directory, newServer } = await setUp(context);
  await assert.rejects(listenOnSocket(newServer(), join(directory, 'x'.repeat(104))), isDenied);
});
