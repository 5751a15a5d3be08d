import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { python, type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

/** A port that was free a moment ago. */
const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });

describe('relay', () => {
  const directory = mkdtempSync(join(tmpdir(), 'boxd-relay-'));
  const egressSocket = join(directory, 'egress.sock');
  let box: StartedBoxd;
  let proxy: Server;
  let port: number;
  before(async () => {
    // Echoes, and says goodbye when the other side has ended.
    proxy = createServer({ allowHalfOpen: true }, (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.pipe(socket, { end: false });
      socket.on('end', () => socket.end('bye'));
    });
    await new Promise<void>(resolve => proxy.listen(egressSocket, resolve));
    port = await freePort();
    box = await startBoxd({ egressSocket, relayPort: port });
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    proxy.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const talk = (bytes: number) => `
import socket, threading
s = socket.create_connection(("127.0.0.1", ${port}))
def send():
    s.sendall(bytes(range(256)) * (${bytes} // 256)); s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
got = b""
while data := s.recv(65536): got += data
print(got == bytes(range(256)) * (${bytes} // 256) + b"bye")`;

  test('connections inside reach the socket outside, bytes and ends both ways', async () => {
    assert.equal((await python(box.boxd, talk(256))).stdout, 'True\n');
    assert.equal((await python(box.boxd, talk(8_000_000 - (8_000_000 % 256)))).stdout, 'True\n');
  });

  test('many connections at once are served', async () => {
    const code = `
import socket
all = [socket.create_connection(("127.0.0.1", ${port})) for _ in range(100)]
for i, s in enumerate(all): s.sendall(b"%d" % i)
print(all[99].recv(10), all[0].recv(10))
for s in all[:50]: s.close()
all[70].sendall(b"more"); print(all[70].recv(2), all[70].recv(4))`;
    assert.equal((await python(box.boxd, code)).stdout, "b'99' b'0'\nb'70' b'more'\n");
  });

  test('a helper that was killed is there again for the next run', async () => {
    const kill = `for p in /proc/[0-9]*; do read -r pid name state parent rest < $p/stat
      [ "$parent" = ${box.process.pid} ] && [ "$pid" != "$$" ] && kill -9 $pid; done 2>/dev/null; true`;
    await shell(box.boxd, kill);
    assert.equal((await python(box.boxd, talk(256))).stdout, 'True\n');
  });
});

test('without the socket outside nothing listens inside', async () => {
  const relayPort = await freePort();
  await using box = await startBoxd({ egressSocket: '/nowhere/egress.sock', relayPort });
  const code = `import socket\nprint(socket.socket().connect_ex(("127.0.0.1", ${relayPort})))`;
  assert.equal((await python(box.boxd, code)).stdout, '111\n');
});
