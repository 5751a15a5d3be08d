import assert from 'node:assert/strict';
import { post } from '../../support/codegen-server.ts';
import { eventually } from '../../support/eventually.ts';
import { examples } from './examples.ts';
import type { CodegenVerifier, Grounds } from './verify.ts';
import type { Json } from '../callers.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Everything that an example shows is there: the same, but for numbers of runs, ids and times, which are of the same form. */
function assertShows(actual: unknown, shown: unknown, at = ''): void {
  if (typeof shown === 'object' && shown !== null) {
    for (const [key, value] of Object.entries(shown)) assertShows(Object(actual)[key], value, `${at}.${key}`);
    return;
  }
  const form = [UUID, TIME].find(one => typeof shown === 'string' && one.test(shown));
  if (form === undefined) assert.deepEqual(actual, shown, at);
  else assert.match(String(actual), form, at);
}

/** The promises of the source document, as they are written there. */
export function declareDocuments({ once }: CodegenVerifier, grounds: () => Grounds): void {
  const plan = { repo: 'Zeeeepa/codegen.py', task_type: 'CREATE_PLAN' };
  /** Sends an example as it stands, and holds the answer to what it shows; `change` puts in what only a test can know. */
  const check = async (url: string, name: keyof typeof examples, change = (text: string) => text): Promise<Json> => {
    const { request, response } = examples[name];
    const { status, headers, body } = await post(url, change(request));
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    assertShows(body, JSON.parse(change(response)));
    return body;
  };

  once('example.new', async ({ url }) => {
    const { fake, begin } = grounds();
    await begin(url);
    fake.runs.addRepo('Zeeeepa/codegen.py');
    const { body } = await post(url, examples.new.request);
    const run = Number(body.agent_run_id);
    const withRun = (text: string) => text.replaceAll('12345', String(run));
    assertShows(body, JSON.parse(withRun(examples.new.response)));
    fake.runs.change(run, { status: 'COMPLETE', result: 'The comprehensive plan has been created...' });
    const withTask = (text: string) => withRun(text).replaceAll(/550e8400[0-9a-f-]+/g, String(body.task_id));
    await eventually(async () => {
      const { body: task } = await post(url, withTask(examples.task_status.request));
      return task.state === 'completed';
    }, 60_000);
    await check(url, 'task_status', withTask);
  });

  once('example.resume', async ({ url }) => {
    const { fake, begin } = grounds();
    await begin(url);
    fake.runs.add({ id: 11_745, status: 'COMPLETE', result: 'before' });
    await check(url, 'resume');
    fake.runs.change(11_745, { status: 'ACTIVE' });
    const refused = await post(url, examples.resume.request);
    assert.deepEqual([refused.status, refused.body.code], [409, 'RUN_NOT_RESUMABLE']);
  });

  once('example.list', async ({ url }) => {
    const { fake, begin } = grounds();
    await begin(url);
    const created_at = '2025-08-12 12:34:56.789000';
    fake.runs.add({ id: 12_345, created_at, metadata: plan });
    fake.runs.add({ metadata: plan, status: 'COMPLETE' });
    fake.runs.add({ metadata: null });
    const { items } = await check(url, 'list');
    assert.equal(Object(items)[0].created_at, '2025-08-12T12:34:56.789Z');
  });

  once('example.logs', async ({ url }) => {
    const { fake, begin } = grounds();
    await begin(url);
    fake.runs.add({ id: 12_345 });
    const { agent_run_id: _, ...entry } = JSON.parse(examples.logs.response).logs[0];
    fake.runs.addLogs(12_345, ...Array.from({ length: 25 }, () => entry));
    assert.equal(Object((await check(url, 'logs')).logs).length, 25);
  });
}
