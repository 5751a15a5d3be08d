import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { initialize, type SessionServer, sessionServer } from '../support/session-server.ts';

/** Of the program's own list and beyond it: whatever says that somebody else is behind the peer. */
const FORWARDING = {
  forwarded: 'for=203.0.113.9',
  via: '1.1 proxy',
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'boxes.example',
  'x-forwarded-proto': 'https',
  'x-real-ip': '203.0.113.9',
};
const PATHS = ['/mcp', '/api/projects', '/api/events', '/api/health', '/'];
const LISTENS = '0A';

interface Asked {
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

/** Unlike fetch, sends the Host that it is given. `/mcp` gets a call as any client makes it. */
function statusOf({ hostname, port, path, headers }: Asked): Promise<number | undefined> {
  const body = path === '/mcp' ? JSON.stringify({ jsonrpc: '2.0', id: 1, ...initialize }) : undefined;
  const sent = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const asking = request({ hostname, port, path, method, headers: sent }, response => {
      resolve(response.statusCode);
      response.destroy();
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** Addresses that the process accepts TCP connections at, as the kernel writes them. */
async function listeningAddresses(pid: number): Promise<string[]> {
  const links = (await readdir(`/proc/${pid}/fd`)).map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
  const sockets = new Set((await Promise.all(links)).flatMap(link => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tables = await Promise.all(['tcp', 'tcp6'].map(name => readFile(`/proc/${pid}/net/${name}`, 'utf8')));
  return tables.flatMap(table =>
    table.split('\n').flatMap(line => {
      const [, address = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      return state === LISTENS && sockets.has(inode) ? [address.split(':')[0] ?? ''] : [];
    }),
  );
}

/** 127.0.0.1, ::1 and ::ffff:127.0.0.1, in the byte order of the kernel's tables. */
const LOOPBACK = new Set(['0100007F', '00000000000000000000000001000000', '0000000000000000FFFF00000100007F']);

describe('known failures of the earlier system for strangers', () => {
  let server: SessionServer;
  before(async () => {
    server = await sessionServer();
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const { hostname, port, host } = new URL(server.url);
    return await statusOf({ hostname, port, path, headers: { host, ...headers } });
  };

  test('failure 5: a foreign Origin is 403, and any forwarding header ends access without credentials', async () => {
    const { host } = new URL(server.url);
    for (const path of PATHS) {
      assert.equal(await ask(path), 200, path);
      assert.equal(await ask(path, { origin: `http://${host}` }), 200, path);
      assert.equal(await ask(path, { origin: 'https://evil.example' }), 403, path);
      assert.equal(await ask(path, { host: 'evil.example' }), 403, path);
      for (const [name, value] of Object.entries(FORWARDING))
        assert.equal(await ask(path, { [name]: value }), 401, `${path} with ${name}`);
    }
  });

  test('failure 5: no listener is beyond loopback by default', async () => {
    const addresses = await listeningAddresses(server.server.child.pid ?? 0);
    assert.ok(addresses.length > 0, 'it listens');
    assert.deepEqual(
      addresses.filter(address => !LOOPBACK.has(address)),
      [],
    );
  });

  test('failure 5: Host localhost from a peer that is not loopback is refused', async () => {
    await using open = await sessionServer({ env: { CODEZ_HOST: '0.0.0.0' } });
    const { port } = new URL(open.url);
    assert.ok((await listeningAddresses(open.server.child.pid ?? 0)).includes('00000000'));
    const outside = Object.values(networkInterfaces())
      .flatMap(found => found ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
      .map(({ address }) => address);
    // Who asks at an address of the machine's own comes from that address.
    for (const hostname of [...outside, '127.0.0.1']) {
      for (const path of PATHS) {
        const status = await statusOf({ hostname, port, path, headers: { host: `localhost:${port}` } });
        assert.equal(status, 401, `${path} from ${hostname}`);
      }
    }
  });
});
