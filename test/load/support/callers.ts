import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';

type Json = Record<string, unknown>;

/** Callers over HTTP who keep their connections. Throws for a call that fails. */
export class Callers {
  readonly #url: string;
  readonly #agent: Agent;
  calls = 0;

  constructor(url: string, connections: number) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  async call(tool: string, args: Json): Promise<Json> {
    const body = JSON.stringify(args);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
    const asked = request(
      new URL(`/api/operations/${tool}`, this.#url),
      { method: 'POST', headers, agent: this.#agent },
      response => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
        response.on('error', reject);
      },
    );
    asked.on('error', reject).end(body);
    const { status, text } = await promise;
    assert.equal(status, 200, `${tool}: ${text}`);
    this.calls++;
    return Object(JSON.parse(text));
  }

  /** So many workspaces, `atOnce` at a time, each with one file. */
  async makeWorkspaces(count: number, atOnce: number): Promise<string[]> {
    const made: string[] = [];
    let left = count;
    const maker = async () => {
      while (left-- > 0) {
        const { workspace_id } = await this.call('workspace_create', { ttl_seconds: 86_400, limits: { disk_mb: 64 } });
        await this.call('fs_write', { workspace_id, path: 'note', content: 'here' });
        made.push(String(workspace_id));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, maker));
    return made;
  }

  /** Each of these workspaces runs Python again and again for so long; answers the runs in a second. */
  async runFor(seconds: number, workspaces: readonly string[]): Promise<number> {
    const start = performance.now();
    const until = start + seconds * 1000;
    let runs = 0;
    const work = async (workspace_id: string) => {
      while (performance.now() < until) {
        const { stdout } = await this.call('run_python', { workspace_id, code: 'print(6 * 7)' });
        assert.equal(stdout, '42\n');
        runs++;
      }
    };
    await Promise.all(workspaces.map(work));
    return runs / ((performance.now() - start) / 1000);
  }

  close(): void {
    this.#agent.destroy();
  }
}
