import { configSchema } from '../../src/config/config.ts';
import { startHttp } from '../../src/http/server.ts';
import type { Hub } from '../../src/hub/hub.ts';
import { silentLog } from '../../src/log/log.ts';
import { allOperations, selectOperations } from '../../src/operations/registry.ts';
import type { Store } from '../../src/store/store.ts';
import { type Answer, post } from './codegen-server.ts';
import { type FakeCodegen, type FakeCodegenOptions, startFakeCodegen } from './fake-codegen/fake-codegen.ts';
import { type Bench, openBench } from './hub-under-test.ts';

/** A hub of this process behind HTTP, before a fake Codegen: quicker than a process of its own. */
export interface CodegenBench extends AsyncDisposable {
  readonly bench: Bench;
  readonly fake: FakeCodegen;
  readonly hub: Hub;
  readonly url: string;
  command(command: string, args?: Record<string, unknown>): Promise<Answer>;
  ok(command: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export async function codegenBench(
  options: {
    fake?: FakeCodegenOptions;
    codegen?: object;
    limits?: object;
    /** Default: SQLite of its own. */
    store?: Store;
    origins?: readonly string[];
    host?: string;
    port?: number;
  } = {},
): Promise<CodegenBench> {
  const fake = await startFakeCodegen(options.fake);
  const bench = await openBench({ store: options.store });
  const codegen = {
    api_token: fake.token,
    org_id: fake.orgId,
    base_url: fake.origin,
    poll_seconds: 0.05,
    ...options.codegen,
  };
  const hub = await bench.hub({ config: { codegen, limits: options.limits } });
  const { http } = configSchema.parse({
    directory: '/nowhere',
    http: { host: options.host, port: options.port ?? 0, allowed_origins: options.origins ?? [] },
  });
  const server = await startHttp({
    hub,
    operations: allOperations,
    commands: selectOperations({ toolsets: ['codegen'] }),
    config: { http },
    log: silentLog,
    version: '0',
  }).catch(async error => {
    await bench.close();
    await fake.close();
    throw error;
  });
  const command: CodegenBench['command'] = (name, args) => post(server.url, { command: name, args });
  return {
    bench,
    fake,
    hub,
    url: server.url,
    command,
    async ok(name, args) {
      const { status, body } = await command(name, args);
      if (status !== 200) throw new Error(`${name} failed with ${status}: ${JSON.stringify(body)}`);
      return body;
    },
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 100 });
      await bench.close();
      await fake.close();
    },
  };
}
