import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { post } from '../../support/codegen-server.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeCodegen, startFakeCodegen } from '../../support/fake-codegen/fake-codegen.ts';
import { scratchDirectory } from '../../support/server.ts';
import { type WireName, wireNames } from '../../support/wires.ts';
import { asOperations, type Caller, httpCaller, type Json, mcpCaller } from '../callers.ts';
import { connectMcp, type Declaring, declareVerifications, type Given, type Manifest } from '../verify.ts';
import { requirements } from './requirements.ts';

type CodegenWire = WireName | 'http, operations' | 'http, commands';
const everyWire: readonly CodegenWire[] = [...wireNames, 'http, operations', 'http, commands'];

const failed = z.object({
  error: z.string(),
  code: z.string(),
  details: z.unknown(),
  hint: z.string(),
  retryable: z.boolean(),
});

/** A call that failed; over HTTP with its status. */
export type Failed = z.output<typeof failed> & { readonly status?: number };

/** Whoever uses the toolset: a client of MCP, of `POST /api/operations/{tool}`, or of `POST /mcp {command, args}`. */
type CodegenCaller = Caller<Failed>;

export interface CodegenSubject extends Given<CodegenWire, CodegenCaller>, Pick<CodegenCaller, 'ok' | 'fails'> {
  readonly fake: FakeCodegen;
  /** Asks until the task has this state, and answers it. */
  until(taskId: unknown, state: string): Promise<Json>;
  /** Stores another token, or none, for all wires. */
  useToken(token: string): Promise<void>;
}

export interface CodegenVerifier {
  /** Over stdio and HTTP in both protocol eras, as an operation of HTTP, and as a command. */
  overMcp(id: string, verification: (subject: CodegenSubject) => Promise<void>): void;
  readonly once: Declaring<CodegenWire, CodegenSubject>['once'];
}

/** What all verifications of the file share. */
export interface Grounds {
  readonly fake: FakeCodegen;
  /** What a command needs to be served like the server. */
  readonly env: Record<string, string>;
  /** Leaves nothing of what was before: no runs, no troubles, nothing that is watched, and a token whose limits nobody has used up. */
  begin(url: string): Promise<void>;
}

/** Of pages that may call the server. */
export const CONFIGURED_ORIGIN = 'https://app.example';

let tokens = 0;

/** Declares verifications of the codegen contract: one server and one fake service for all of them, whatever the wire. */
export function verifications(
  title: string,
  declare: (verifier: CodegenVerifier, grounds: () => Grounds) => void,
): void {
  let grounds: (Grounds & { useToken(token: string): Promise<void> }) | undefined;
  const there = () => grounds ?? assert.fail('the verifications were not prepared');
  const manifest: Manifest<CodegenWire, CodegenCaller, CodegenSubject> = {
    requirements,
    async connect(wire, place) {
      if (wire === 'http, operations') return httpCaller(asOperations(place.url), body => failed.parse(body));
      if (wire === 'http, commands') return httpCaller(asCommands(place.url), enveloped);
      return mcpCaller(await connectMcp(wire, place), enveloped);
    },
    async subject(given) {
      const { fake, begin, useToken } = there();
      await begin(given.url);
      return subjectOf(given, { fake, useToken });
    },
    async prepare() {
      const scratch = await scratchDirectory();
      const fake = await startFakeCodegen({ accepts: token => token.startsWith('sk-fake-') });
      const tokenFile = join(scratch.path, 'token');
      const useToken = (token: string) => writeFile(tokenFile, token, { mode: 0o600 });
      await mkdir(join(scratch.path, 'config'));
      const env = {
        HOME: scratch.path,
        BOXSWAIN_CONFIG_DIR: join(scratch.path, 'config'),
        BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
        BOXSWAIN_HTTP_ALLOWED_ORIGINS: CONFIGURED_ORIGIN,
        BOXSWAIN_CODEGEN_POLL_SECONDS: '0.1',
        BOXSWAIN_CODEGEN_API_TOKEN_FILE: tokenFile,
        CODEGEN_ORG_ID: fake.orgId,
        CODEGEN_BASE_URL: fake.origin,
      };
      await useToken(fake.token);
      grounds = {
        fake,
        env,
        useToken,
        async begin(url) {
          fake.troubles.end();
          await cancelAll(url);
          fake.runs.clear();
          await eventually(async () => (await runningTasks(url)).length === 0, UNTIL_MS);
          fake.requests.clear();
          await useToken(`sk-fake-${++tokens}-0123456789`);
        },
      };
      const close = async () => {
        await scratch.remove();
        await fake.close();
      };
      return { env, close };
    },
  };
  declareVerifications(title, manifest, ({ overWires, once }) =>
    declare(
      { overMcp: (id, verification) => overWires(id, verification, { wires: everyWire, isAttached: true }), once },
      there,
    ),
  );
}

const UNTIL_MS = 60_000;

async function runningTasks(url: string): Promise<string[]> {
  const answer = await (await fetch(`${url}/api/tasks?toolset=codegen&status=running`)).json();
  const { tasks } = z.looseObject({ tasks: z.array(z.looseObject({ task_id: z.string() })) }).parse(answer);
  return tasks.map(({ task_id }) => task_id);
}

/** Quicker than waiting until it is seen that their runs are gone. */
async function cancelAll(url: string): Promise<void> {
  for (const task of await runningTasks(url)) await fetch(`${url}/api/tasks/${task}`, { method: 'DELETE' });
}

function subjectOf(
  given: Given<CodegenWire, CodegenCaller>,
  { fake, useToken }: Pick<CodegenSubject, 'fake' | 'useToken'>,
) {
  const { peer } = given;
  const children = new Set<string>();
  const ok: CodegenCaller['ok'] = async (tool, args) => {
    const output = await peer.ok(tool, args);
    if (typeof output.orchestrator_run_id === 'number') children.add(String(output.task_id));
    return output;
  };
  const until = async (taskId: unknown, isIt: (task: Json) => boolean): Promise<Json> => {
    const deadline = performance.now() + UNTIL_MS;
    while (performance.now() < deadline) {
      const task = await peer.ok('codegen_task_status', { task_id: taskId, wait_seconds: 1 });
      if (isIt(task)) return task;
    }
    return assert.fail(`it did not come: ${JSON.stringify(await peer.ok('codegen_task_status', { task_id: taskId }))}`);
  };
  const subject: CodegenSubject = {
    ...given,
    ok,
    fails: peer.fails,
    fake,
    useToken,
    until: (taskId, state) => until(taskId, task => task.state === state),
  };
  /** What is owed to orchestrators is settled, so that the service is asked nothing about it while the next verification counts. */
  const end = async () => {
    if (children.size === 0) return;
    fake.troubles.end();
    await useToken(`sk-fake-${++tokens}-0123456789`);
    await cancelAll(given.url);
    fake.runs.clear();
    for (const task of children) await until(task, ({ delivery }) => Object(delivery).state !== 'waiting');
  };
  return { subject, end };
}

const asCommands = (url: string) => async (tool: string, args?: Json) => {
  const { status, body } = await post(url, { command: tool.replace(/^codegen_/, ''), args });
  return { status, body };
};

/** A failure as the contract has it: nothing more, nothing less. */
function enveloped(output: Json): z.output<typeof failed> {
  const { status, ...error } = output;
  assert.equal(status, 'error');
  assert.deepEqual(Object.keys(error).sort(), ['code', 'details', 'error', 'hint', 'retryable']);
  return failed.parse(error);
}
