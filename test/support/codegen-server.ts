import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeCodegen, type FakeCodegenOptions, startFakeCodegen } from './fake-codegen/fake-codegen.ts';
import { type RunningServer, scratchDirectory, startServer } from './server.ts';

type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A real server before a fake Codegen. Gone with all it made when it is disposed of. */
export interface CodegenServer extends AsyncDisposable {
  readonly fake: FakeCodegen;
  readonly server: RunningServer;
  readonly url: string;
  /** What a further process of the same configuration needs. */
  readonly env: Record<string, string>;
  readonly directory: string;
  /** `POST /mcp {command, args}`. */
  command(command: string, args?: Json): Promise<Answer>;
  /** The body of a command that must succeed. */
  ok(command: string, args?: Json): Promise<Json>;
  /** Asks until the task has this state. */
  until(taskId: unknown, state: string): Promise<Json>;
  /** Ends the server, or kills it, and starts it anew on the same records. */
  restart(how: 'stop' | 'kill'): Promise<void>;
  configFile(): Promise<Json>;
}

interface Options {
  readonly fake?: FakeCodegenOptions;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
}

export async function codegenServer({
  fake: fakeOptions,
  env: more = {},
  args = [],
}: Options = {}): Promise<CodegenServer> {
  const scratch = await scratchDirectory();
  const fake = await startFakeCodegen(fakeOptions);
  const directory = join(scratch.path, 'data');
  const config = join(scratch.path, 'config', 'config.json');
  const env = {
    HOME: scratch.path,
    BOXSWAIN_CONFIG_DIR: join(scratch.path, 'config'),
    BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
    BOXSWAIN_CODEGEN_POLL_SECONDS: '0.2',
    CODEGEN_API_TOKEN: fake.token,
    CODEGEN_ORG_ID: fake.orgId,
    CODEGEN_BASE_URL: fake.origin,
    ...more,
  };
  const start = () => startServer({ directory, env, args });
  let server = await start();
  const command: CodegenServer['command'] = async (name, given) => post(server.url, { command: name, args: given });
  const ok: CodegenServer['ok'] = async (name, given) => {
    const { status, body } = await command(name, given);
    if (status !== 200) throw new Error(`${name} failed with ${status}: ${JSON.stringify(body)}`);
    return body;
  };
  return {
    fake,
    get server() {
      return server;
    },
    get url() {
      return server.url;
    },
    env,
    directory,
    command,
    ok,
    async until(taskId, state) {
      const deadline = performance.now() + 60_000;
      while (performance.now() < deadline) {
        const task = await ok('task_status', { task_id: taskId, wait_seconds: 5 });
        if (task.state === state) return task;
      }
      throw new Error(
        `the task did not become ${state}: ${JSON.stringify(await ok('task_status', { task_id: taskId }))}`,
      );
    },
    async restart(how) {
      await (how === 'stop' ? server.stop() : server.kill());
      server = await start();
    },
    configFile: async () => JSON.parse(await readFile(config, 'utf8')),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await scratch.remove();
      await fake.close();
    },
  };
}

/** Any body to `/mcp`; a text goes as it is. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}
