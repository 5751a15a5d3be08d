import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { localCaller } from '../../src/auth/caller.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { asBody, newBody } from '../../src/hub/codegen/run-body.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { type CodegenBench, codegenBench } from '../support/codegen-bench.ts';
import {
  eventSourceScript,
  pollingScript,
  SCRIPT_ORIGIN,
  SCRIPT_PORT,
  SCRIPT_TASK,
} from '../support/codegen-scripts.ts';
import { eventually } from '../support/eventually.ts';
import { taskRecord } from '../support/fake-hub.ts';
import { type LocalServer, serveLocally } from '../support/local-server.ts';
import { cleanEnvironment } from '../support/server.ts';

/** What a script has printed, wherever it runs. */
interface Running {
  said(): string;
}

/** A page that runs whatever script is asked for by its number. */
const scripts: string[] = [];
const pageOf = (number: string) => `<!doctype html><script type="module">\n${scripts[Number(number)]}</script>`;

function inNode(script: string): Running {
  const args = ['--experimental-eventsource', '--no-warnings', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  ended.push(async () => {
    if (child.exitCode === null) await once(child, 'exit');
    assert.equal(child.exitCode, 0);
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (said += text));
  return { said: () => said };
}
/** A script that has heard the end ends by itself. */
const ended: (() => Promise<void>)[] = [];

/** Where the scripts expect it; where somebody else has that port, anywhere, and only their address is another one. */
async function stageFor(origins: readonly string[]): Promise<{ stage: CodegenBench; scriptOf(text: string): string }> {
  try {
    const stage = await codegenBench({ origins, host: 'localhost', port: SCRIPT_PORT });
    return { stage, scriptOf: text => text };
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'SERVICE_UNAVAILABLE')) throw error;
    const stage = await codegenBench({ origins });
    return { stage, scriptOf: text => text.replaceAll(SCRIPT_ORIGIN, stage.url) };
  }
}

describe('the documented scripts', () => {
  let browser: TestBrowser;
  let pages: LocalServer;
  before(async () => {
    browser = await startBrowser();
    pages = await serveLocally((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(pageOf(request.url?.slice(1) ?? ''));
    });
  });
  after(async () => {
    await pages.close();
    await browser[Symbol.asyncDispose]();
  });

  async function inBrowser(script: string): Promise<Running> {
    const { page, said } = await browser.page();
    await page.goto(`${pages.origin}/${scripts.push(script) - 1}`);
    return { said: () => said.join('\n') };
  }
  const inBoth = async (script: string) => [inNode(script), await inBrowser(script)];
  const haveSaid = (running: readonly Running[], text: string) =>
    eventually(() => running.every(one => one.said().includes(text)), 60_000);
  const nodeHasEnded = async () => {
    for (const end of ended.splice(0)) await end();
  };

  test('polling, in Node and in a browser, ends with the result', async () => {
    const { stage, scriptOf } = await stageFor([pages.origin]);
    await using _ = stage;
    const { runs } = stage.fake;
    runs.addRepo('Zeeeepa/codegen.py');
    const running = await inBoth(scriptOf(pollingScript));
    await eventually(() => runs.all().length === 2, 60_000);
    for (const { id } of runs.all()) runs.change(id, { status: 'COMPLETE', result: 'the plan' });
    await haveSaid(running, 'Task result: the plan');
    await nodeHasEnded();
  });

  for (const [status, word] of [
    ['COMPLETE', 'Task completed:'],
    ['FAILED', 'Task error:'],
  ] as const) {
    test(`EventSource, in Node and in a browser, hears of a run that ends ${status}`, async () => {
      const { stage, scriptOf } = await stageFor([pages.origin]);
      await using _ = stage;
      const { bench, fake } = stage;
      const { id: runId } = fake.runs.add();
      await keepTask(bench, runId);
      const running = await inBoth(scriptOf(eventSourceScript));
      await haveSaid(running, 'Task update:');
      fake.runs.change(runId, { status, result: 'it' });
      await haveSaid(running, word);
      await nodeHasEnded();
    });
  }

  test('a page of another origin can neither start a run nor follow one', async () => {
    const { stage, scriptOf } = await stageFor(['https://app.example']);
    await using _ = stage;
    const { id: runId } = stage.fake.runs.add();
    await keepTask(stage.bench, runId);
    const polling = await inBrowser(scriptOf(pollingScript));
    await eventually(() => polling.said().includes('blocked by CORS policy'), 60_000);
    const following = await inBrowser(scriptOf(eventSourceScript));
    await eventually(() => following.said().includes('blocked by CORS policy'), 60_000);
    assert.ok(!following.said().includes('Task update:'));
    assert.equal(stage.fake.requests.count('createRun'), 0);
  });
});

/** The task that the document names, as if it had been started here. */
async function keepTask({ store }: CodegenBench['bench'], runId: number): Promise<void> {
  const caller = localCaller.id;
  const body = asBody({ ...newBody('new', { command: 'new' }), phase: 'known' });
  await store.codegen.insert({ id: SCRIPT_TASK, caller, owner: 'hub-1', runId, orchestratorRunId: null, body });
  const place = { workspaceId: null, worker: null, epoch: null, sequence: null, status: 'running' } as const;
  const about = { toolset: 'codegen', operation: 'codegen_new' };
  await store.tasks.insert(taskRecord({ id: SCRIPT_TASK, caller, ...about, ...place }));
}
