import { connect } from 'node:net';

export interface PlainEvents {
  end(): void;
}

/**
 * The data of server-sent events, each as it comes, over a connection read in bytes: see `plainHttp`. Settles when the stream has begun;
 * throws what the server says when it refuses.
 */
export function plainEvents(url: URL, heard: (data: string) => void): Promise<PlainEvents> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainEvents>();
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  const end = () => void socket.destroy();
  const chunks = chunkReader();
  const lines = lineReader(line => {
    if (line.startsWith('data:')) heard(line.slice(5));
  });
  let head: string | undefined = '';
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${url.pathname}: the server hung up`)));
  socket.on('data', (bytes: Buffer) => {
    let body = bytes;
    if (head !== undefined) {
      head += bytes.toString('latin1');
      const at = head.indexOf('\r\n\r\n');
      if (at < 0) return;
      if (!head.startsWith('HTTP/1.1 200') || !/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
        end();
        return reject(new Error(`${url.pathname}: ${head}`));
      }
      body = Buffer.from(head.slice(at + 4), 'latin1');
      head = undefined;
      resolve({ end });
    }
    for (const chunk of chunks(body)) lines(chunk);
  });
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\naccept: text/event-stream\r\n\r\n`);
  return promise;
}

/** What the chunks of a body hold, as far as they have come. */
function chunkReader(): (bytes: Buffer) => Buffer[] {
  let left: Buffer = Buffer.alloc(0);
  return bytes => {
    left = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    const found: Buffer[] = [];
    for (;;) {
      const at = left.indexOf('\r\n');
      if (at < 0) return found;
      const begin = at + 2;
      const end = begin + Number.parseInt(left.toString('latin1', 0, at), 16);
      if (left.length < end + 2) return found;
      found.push(left.subarray(begin, end));
      left = left.subarray(end + 2);
    }
  };
}

function lineReader(heard: (line: string) => void): (bytes: Buffer) => void {
  const decoder = new TextDecoder();
  let left = '';
  return bytes => {
    const lines = (left + decoder.decode(bytes, { stream: true })).split('\n');
    left = lines.pop() ?? '';
    for (const line of lines) heard(line);
  };
}
