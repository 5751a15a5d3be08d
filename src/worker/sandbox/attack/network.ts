import { type Attack, breach, heldIf, inBox, judgeLines, PRELUDE } from './attack.ts';
import type { Lure } from './lure.ts';

const METADATA = '169.254.169.254';

/** Ways to write an address, or a name that leads to it, that a careless proxy takes for something else. */
const disguises = (port: number): readonly string[] => [
  `${METADATA}:80`,
  `[${METADATA}]:80`,
  '[::ffff:169.254.169.254]:80',
  '[fd00:ec2::254]:80',
  '2852039166:80',
  '0xa9fea9fe:80',
  '0xA9.0xFE.0xA9.0xFE:80',
  '0251.0376.0251.0376:80',
  '169.254.43518:80',
  `127.0.0.1:${port}`,
  `127.1:${port}`,
  `2130706433:${port}`,
  `0x7f000001:${port}`,
  `0:${port}`,
  `0.0.0.0:${port}`,
  `[::1]:${port}`,
  `[::]:${port}`,
  `localhost:${port}`,
  `localhost.:${port}`,
  `loopback.test:${port}`,
  `LOOPBACK.test:${port}`,
  'metadata.test:80',
  'private.test:80',
  'mixed.test:80',
  'metadata.google.internal:80',
  `friend.test\\x00.loopback.test:${port}`,
  `loopback.test\\x00.friend.test:${port}`,
  `friend.test%00.loopback.test:${port}`,
  `friend.test@127.0.0.1:${port}`,
  `friend.test#@127.0.0.1:${port}`,
  `127.0.0.1\\t:${port}`,
  `\\xe2\\x91\\xa0\\xe2\\x91\\xa1\\xe2\\x91\\xa6.0.0.1:${port}`,
  'friend.test:22',
  'friend.test:0',
  'friend.test:65536',
  `sub.friend.test:${port}`,
];

const ASK = `
def asked(name, head, where="/run/egress.sock"):
    try:
        if where.startswith("/"):
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(5)
            link.connect(where)
        else:
            link = socket.create_connection((where, 3128), timeout=5)
        try:
            link.sendall(head)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = link.recv(64)
        words = answer.split(b" ")
        said(name, words[1].decode() if answer.startswith(b"HTTP/1.1 ") else "closed" if answer == b"" else f"got {answer!r}")
        link.close()
    except ConnectionResetError:
        said(name, "closed")
    except TimeoutError:
        said(name, "no answer")
    except OSError as error:
        said(name, errno.errorcode.get(error.errno, str(error)))
`;

const REFUSED = ['400', '403', '404', '405', '431', '501', '502', 'closed'];

/** Ways out over the network. */
export const networkAttacks = (lure: Lure): readonly Attack[] => [
  watched(
    inBox({
      name: 'network: direct',
      tries:
        'Connects past the proxy to the internet, to metadata, to the host and its sockets without a name in the file system.',
      code: `
def connected(family, kind, address):
    with socket.socket(family, kind) as link:
        link.settimeout(2)
        link.connect(address)
        link.send(b"x")
    return address
for address in ("1.1.1.1", "8.8.8.8", "${METADATA}", "10.0.0.1", "192.168.0.1", "172.17.0.1", "100.100.100.200"):
    for port in (53, 80, 443):
        tried(f"TCP {address} {port}", lambda: connected(socket.AF_INET, socket.SOCK_STREAM, (address, port)))
        tried(f"UDP {address} {port}", lambda: connected(socket.AF_INET, socket.SOCK_DGRAM, (address, port)))
for address in ("2606:4700:4700::1111", "fd00:ec2::254", "fe80::1"):
    tried("IPv6 " + address, lambda: connected(socket.AF_INET6, socket.SOCK_STREAM, (address, 80)))
for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0"):
    tried("host " + address, lambda: connected(socket.AF_INET, socket.SOCK_STREAM, (address, ${lure.port})))
tried("host ::1", lambda: connected(socket.AF_INET6, socket.SOCK_STREAM, ("::1", ${lure.port})))
tried("abstract", lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, b"\\0${lure.abstractName}"))
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/systemd/private", "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0"):
    tried(path, lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, path))
with open("/proc/net/route") as routes:
    said("routes", "none" if len(routes.readlines()) <= 1 else "got a route")
for name in ("example.com", "metadata.google.internal"):
    try:
        said("resolve " + name, "got " + socket.gethostbyname(name))
    except OSError:
        said("resolve " + name, "none")
`,
      refusals: ['ENETUNREACH', 'ECONNREFUSED', 'ENOENT', 'EACCES', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EINVAL', 'none'],
      least: 58,
    }),
    lure,
  ),
  watched(
    {
      name: 'network: addresses through the proxy',
      tries: 'Asks the proxy for metadata, loopback and private hosts, in every way to write them.',
      attempt: async stage => {
        const targets = disguises(lure.port).map(target => `b"${target}"`);
        const ran = await stage.python(
          `${PRELUDE}${ASK}
asked("control", b"CONNECT friend.test:${lure.friendPort} HTTP/1.1\\r\\nHost: friend.test:${lure.friendPort}\\r\\n\\r\\n")
for target in (${targets.join(', ')}):
    asked(f"CONNECT {target!r}", b"CONNECT " + target + b" HTTP/1.1\\r\\nHost: " + target + b"\\r\\n\\r\\n")
    asked(f"GET {target!r}", b"GET http://" + target + b"/latest/meta-data/ HTTP/1.1\\r\\nHost: " + target + b"\\r\\n\\r\\n")
    asked(f"GET {target!r} as friend", b"GET http://" + target + b"/ HTTP/1.1\\r\\nHost: friend.test:${lure.friendPort}\\r\\n\\r\\n")
`,
          { timeoutMs: 60_000 },
        );
        const [control, ...rest] = ran.stdout.split('\n');
        if (control !== 'control\t200')
          return breach(`the proxy could not be reached: ${control || ran.stderr.slice(-200)}`);
        return judgeLines(
          { stdout: rest.join('\n'), stderr: ran.stderr },
          { refusals: REFUSED, least: 3 * targets.length },
        );
      },
    },
    lure,
  ),
  watched(
    inBox({
      name: 'network: requests that two readers read differently',
      tries: 'Hides a second request, or another host, in what the proxy lets pass; sends it more than it can hold.',
      code: `${ASK}
host = b"127.0.0.1:${lure.port}"
friend = b"friend.test:${lure.friendPort}"
for where in ("/run/egress.sock", "127.0.0.1"):
    asked("origin form " + where, b"GET / HTTP/1.1\\r\\nHost: " + host + b"\\r\\n\\r\\n", where)
    asked("two hosts " + where, b"GET http://" + host + b"/ HTTP/1.1\\r\\nHost: " + friend + b"\\r\\nHost: " + host + b"\\r\\n\\r\\n", where)
    asked("other scheme " + where, b"GET ftp://" + host + b"/ HTTP/1.1\\r\\nHost: " + host + b"\\r\\n\\r\\n", where)
    asked("file " + where, b"GET file:///etc/passwd HTTP/1.1\\r\\nHost: " + host + b"\\r\\n\\r\\n", where)
    asked("large head " + where, b"GET http://" + host + b"/ HTTP/1.1\\r\\nX: " + b"a" * 1000000 + b"\\r\\n\\r\\n", where)
    asked("no HTTP " + where, b"\\x00" * 65536, where)
    asked("length and chunks " + where, b"POST http://" + host + b"/ HTTP/1.1\\r\\nHost: " + host + b"\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n", where)
    asked("lone line feeds " + where, b"CONNECT " + host + b" HTTP/1.1\\nHost: " + friend + b"\\n\\n", where)
`,
      refusals: REFUSED,
      least: 16,
    }),
    lure,
  ),
];

/** Whatever an attack says: a connection that arrived got through. */
function watched(attack: Attack, lure: Lure): Attack {
  return {
    ...attack,
    attempt: async stage => {
      const before = lure.arrived();
      const verdict = await attack.attempt(stage);
      const arrived = lure.arrived() - before;
      return arrived > 0
        ? breach(`${arrived} connections arrived on the host; ${verdict.detail}`)
        : heldIf(verdict.held, verdict.detail);
    },
  };
}
