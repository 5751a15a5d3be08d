import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { codegenBench } from '../support/codegen-bench.ts';
import { cleanEnvironment } from '../support/server.ts';
import { eventually } from '../support/eventually.ts';

/** The examples of the earlier server's document, as they stand there but for the address. */
const polling = `
// Start a new agent run
const newResponse = await fetch('http://localhost:8081/mcp', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    command: 'new',
    args: {
      repo: 'Zeeeepa/codegen.py',
      task: 'CREATE_PLAN',
      query: 'Create a comprehensive plan to properly structure codebase'
    }
  })
});

const newData = await newResponse.json();
const taskId = newData.task_id;

// Poll for task completion
let taskData;
do {
  await new Promise(resolve => setTimeout(resolve, 5000)); // Wait 5 seconds
  
  const statusResponse = await fetch('http://localhost:8081/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      command: 'task_status',
      args: { task_id: taskId }
    })
  });
  
  taskData = await statusResponse.json();
} while (taskData.state === 'active');

// Task is completed
console.log('Task result:', taskData.result);
`;

const eventSource = `
const eventSource = new EventSource('http://localhost:8081/sse?task_id=550e8400-e29b-41d4-a716-446655440000');

eventSource.addEventListener('task_update', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task update:', data);
});

eventSource.addEventListener('task_complete', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task completed:', data);
  eventSource.close();
});

eventSource.addEventListener('task_error', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task error:', data);
  eventSource.close();
});
`;

/** Runs a script in a Node of its own; `heard` waits for what it prints. */
function run(script: string) {
  const args = ['--experimental-eventsource', '--no-warnings', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (said += text));
  return {
    heard: (text: string) => eventually(() => said.includes(text), 60_000),
    ended: async () => {
      if (child.exitCode === null) await once(child, 'exit');
      return said;
    },
  };
}

test('the documented polling script ends with the result', async () => {
  await using stage = await codegenBench();
  const { runs } = stage.fake;
  runs.addRepo('Zeeeepa/codegen.py');
  runs.onStarted = ({ id }) => runs.change(id, { status: 'ACTIVE' });
  const script = run(polling.replaceAll('http://localhost:8081', stage.url));
  await eventually(() => runs.all().length === 1, 60_000);
  runs.change(12345, { status: 'COMPLETE', result: 'the plan' });
  assert.match(await script.ended(), /Task result: the plan/);
});

for (const [status, word] of [
  ['COMPLETE', 'Task completed:'],
  ['FAILED', 'Task error:'],
] as const) {
  test(`the documented EventSource script hears of a run that ends ${status}`, async () => {
    await using stage = await codegenBench();
    const { task_id } = await stage.ok('new', { query: 'x' });
    const address = `${stage.url}/sse?task_id=${task_id}`;
    const script = run(
      eventSource.replace('http://localhost:8081/sse?task_id=550e8400-e29b-41d4-a716-446655440000', address),
    );
    await script.heard('Task update:');
    stage.fake.runs.change(12345, { status, result: 'it' });
    assert.ok((await script.ended()).includes(word));
  });
}

test('a reader that comes back gets what came after, and nothing after the end', async () => {
  await using stage = await codegenBench();
  const { task_id } = await stage.ok('new', { query: 'x' });
  const read = async (after?: string) => {
    const headers = after === undefined ? {} : { 'last-event-id': after };
    const response = await fetch(`${stage.url}/sse?task_id=${task_id}`, { headers });
    const text = await response.text();
    const events = [...text.matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (.*)$/gm)];
    return { response, events: events.map(([, id, type, data]) => ({ id, type, task: JSON.parse(data ?? '') })) };
  };
  const following = Promise.all([read(), read()]);
  await eventually(() => stage.fake.requests.count('getRun') > 0, 30_000);
  stage.fake.runs.change(12345, { status: 'EVALUATION' });
  await eventually(async () => (await stage.ok('task_status', { task_id })).upstream_status === 'EVALUATION', 30_000);
  stage.fake.runs.change(12345, { status: 'COMPLETE', result: 'done' });
  const [one, two] = await following;
  assert.deepEqual(one?.events, two?.events);
  assert.deepEqual(
    one?.events.map(({ type }) => type),
    ['task_update', 'task_update', 'task_complete'],
  );
  assert.equal(one?.events.at(-1)?.task.result, 'done');
  assert.equal(one?.response.headers.get('cache-control'), 'no-cache');
  assert.equal(one?.response.headers.get('x-accel-buffering'), 'no');
  const [first, , last] = one?.events ?? [];
  assert.deepEqual((await read(first?.id)).events, one?.events.slice(1));
  assert.equal((await read(last?.id)).response.status, 204);
  assert.deepEqual((await read()).events, one?.events.slice(-1));
});

test('pages of configured origins may read, and no others', async () => {
  const friend = 'https://app.example';
  await using stage = await codegenBench({ origins: [friend] });
  const preflight = (origin: string) =>
    fetch(`${stage.url}/mcp`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const allowed = await preflight(friend);
  assert.deepEqual([allowed.status, allowed.headers.get('access-control-allow-origin')], [204, friend]);
  const foreign = await preflight('https://evil.example');
  assert.deepEqual([foreign.status, foreign.headers.get('access-control-allow-origin')], [403, null]);
});
