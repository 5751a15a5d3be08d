import { connect, type Socket } from 'node:net';

export interface PlainHttp {
  /** The body of the answer; throws what a refusal says. */
  post(path: string, body: object): Promise<string>;
  close(): void;
}

/**
 * Requests over connections that stay open, one at a time on each, in bytes: what a client's own library takes for a request is more
 * than a small call, and no cost of the server's.
 */
export function plainHttp(url: string): PlainHttp {
  const { hostname, port, host } = new URL(url);
  const idle: Socket[] = [];
  const all = new Set<Socket>();
  const open = () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    all.add(socket.once('close', () => all.delete(socket)));
    return socket;
  };
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const socket = idle.pop() ?? open();
        let answer = '';
        const settle = (settled: () => void) => {
          socket.removeAllListeners('data').removeAllListeners('error');
          settled();
        };
        socket.once('error', error => settle(() => reject(error)));
        socket.on('data', (chunk: Buffer) => {
          answer += chunk.toString('latin1');
          const said = bodyOf(answer);
          if (said === undefined) return;
          idle.push(socket);
          settle(() => (answer.startsWith('HTTP/1.1 2') ? resolve(said) : reject(new Error(`${path}: ${said}`))));
        });
        const text = JSON.stringify(body);
        const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
        socket.write(head + text);
      }),
    close: () => {
      for (const socket of all) socket.destroy();
    },
  };
}

/** Undefined before all of it is there. */
function bodyOf(answer: string): string | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1];
  if (length === undefined) throw new Error(`an answer that does not say how long it is: ${answer.slice(0, end)}`);
  const body = answer.slice(end + 4);
  return body.length < Number(length) ? undefined : Buffer.from(body, 'latin1').toString();
}
