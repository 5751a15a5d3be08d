import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Renderer } from '../../hub/hub.ts';
import type { Outcome } from '../../protocol/jobs.ts';
import type { ArtifactRecord, JsonObject } from '../../store/rows.ts';
import { registerRenderers } from './renderers.ts';

const renderers = new Map<string, Renderer>();
registerRenderers({
  runs: { run: () => assert.fail('not here'), registerRenderer: (name, renderer) => renderers.set(name, renderer) },
});

function render(name: string, end: Outcome['end'], outputArtifacts: Record<string, ArtifactRecord> = {}) {
  const renderer = renderers.get(name);
  assert.ok(renderer);
  const outcome = { sequence: 1, startedAt: 0, endedAt: 1, generation: 1, artifacts: [], fullOutput: {}, end };
  return renderer(outcome, { artifacts: [], outputArtifacts });
}

const completed = (output: JsonObject): Outcome['end'] => ({ kind: 'completed', output });
const run = { exit_code: 0, signal: null, stdout: 'hi\n', stderr: '', timed_out: false, truncated: false };

test('the text of a run shows both streams apart', () => {
  const { output, text } = render('run', completed({ ...run, exit_code: 3, stderr: 'oh\n' }));
  assert.deepEqual(text, ['Exit Code: 3\nStdout:\nhi\n\nStderr:\noh\n']);
  assert.equal(output.status, 'completed');
});

test('a run that needs no note has none', () => {
  assert.deepEqual(render('run', completed(run)).text, ['Exit Code: 0\nStdout:\nhi\n\nStderr:\n']);
});

test('each thing to know about a run is a line after its streams', () => {
  const kept: ArtifactRecord = {
    id: 'art_1',
    caller: 'local',
    workspaceId: 'ws_1',
    taskId: null,
    name: 'stdout',
    path: 'stdout',
    sizeBytes: 1,
    contentType: 'text/plain',
    sha256: '',
    labels: {},
    createdAt: 0,
    expiresAt: null,
  };
  const { output, text } = render(
    'run',
    completed({
      ...run,
      exit_code: 137,
      signal: 'SIGKILL',
      result: '42',
      timed_out: true,
      limit_hit: 'wall',
      truncated: true,
      network_denied: [{ host: 'example.org', port: 443, reason: 'policy' }],
    }),
    { stdout: kept },
  );
  const notes = text[0]?.split('Stderr:\n')[1]?.split('\n').slice(1);
  assert.deepEqual(notes, [
    'Result: 42',
    'Timed out: the program was stopped',
    'Ended by signal: SIGKILL',
    'Limit hit: wall',
    'Network denied: example.org:443',
    'Output truncated; whole stdout is artifact art_1',
  ]);
  assert.deepEqual(output.output_artifacts, { stdout: 'art_1' });
});

test('installed packages are lines before the end of the log', () => {
  const log = Array.from({ length: 30 }, (_, at) => `line ${at}`).join('\n');
  const installed = [{ name: 'requests', version: '2.32.0', location: '/env' }];
  const lines = render('packages', completed({ installed, output: `${log}\n`, exit_code: 0 })).text[0]?.split('\n');
  assert.equal(lines?.[0], 'Installed: requests (version: 2.32.0)');
  assert.deepEqual([lines?.[1], lines?.at(-1), lines?.length], ['line 20', 'line 29', 11]);
});

test('other jobs leave their text to compact JSON', () => {
  for (const name of ['tests', 'lint', 'clone']) {
    assert.deepEqual(render(name, completed({ a: 1 })), { output: { a: 1, status: 'completed' }, text: [] });
  }
  assert.deepEqual(render('commit', completed({ commit: 'abc' })), { output: { commit: 'abc' }, text: [] });
});

test('a job that failed or was cancelled has no output', () => {
  for (const name of renderers.keys()) {
    assert.deepEqual(render(name, { kind: 'cancelled', reason: 'x' }), { output: {}, text: [] });
  }
});

test('no renderer throws, whatever a worker sends', () => {
  const output = fc.dictionary(
    fc.constantFrom('stdout', 'exit_code', 'installed', 'output', 'network_denied', 'result', 'truncated', 'signal'),
    fc.json().map((text): JsonObject[string] => JSON.parse(text)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...renderers.keys()), output, (name, sent) => {
      render(name, completed(sent));
    }),
  );
});
