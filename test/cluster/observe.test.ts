import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { askOperation } from '../support/operations-api.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('a cluster whose calls are watched', () => {
  let cluster: Cluster;
  let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
  before(async () => {
    receiver = await startOtlpReceiver();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      BOXSWAIN_LOG_LEVEL: 'debug',
      BOXSWAIN_HEALTH_PORT: '0',
    };
    cluster = await startCluster({ hubs: 1, workers: 1, env });
  });
  after(async () => {
    await cluster.close();
    await receiver.close();
  });

  const hub = () => cluster.hubs[0] ?? assert.fail('no hub');
  const worker = () => cluster.workers[0] ?? assert.fail('no worker');
  const call = async (operation: string, args: Record<string, unknown>, headers: Record<string, string> = {}) => {
    const answer = await askOperation(hub().url, operation, args, { headers });
    return { ...answer, requestId: answer.headers.get('x-request-id') ?? '' };
  };
  /** The lines of one role's log that one request caused. */
  const linesOf = (role: { log(): string }, request: string) =>
    role
      .log()
      .split('\n')
      .flatMap(line => (line.startsWith('{') ? [Object(JSON.parse(line))] : []))
      .filter(line => line.request === request);

  test('one call is one connected trace over hub, NATS and worker', async () => {
    const { body } = await call('workspace_create', {});
    const { workspace_id } = body;
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    const run = await call('run_python', { workspace_id, code: 'print(6 * 7)' }, { traceparent });
    assert.equal(run.body.stdout, '42\n');
    const spans = () => receiver.spans.filter(({ traceId }) => traceId === TRACE);
    const named = (name: string, service: string) =>
      spans().find(span => span.name === name && span.service === `boxswain-${service}`);
    const way = [
      ['POST /api/operations', 'hub', hub().child.pid],
      ['run_python', 'hub', hub().child.pid],
      ['run.submit', 'hub', hub().child.pid],
      ['run.submit', 'worker', worker().child.pid],
      ['boxd python', 'worker', worker().child.pid],
    ] as const;
    await eventually(() => way.every(([name, service]) => named(name, service) !== undefined));
    let parent = '00f067aa0ba902b7';
    for (const [name, service, pid] of way) {
      const span: ReceivedSpan = named(name, service) ?? assert.fail(name);
      assert.equal(span.parentSpanId, parent, `${name} of the ${service} hangs below what caused it`);
      assert.equal(span.pid, String(pid));
      parent = span.spanId;
    }
    const ids = new Set(spans().map(({ spanId }) => spanId));
    const loose = spans().filter(({ parentSpanId }) => !ids.has(parentSpanId));
    assert.deepEqual(
      loose.map(({ name }) => name),
      ['POST /api/operations'],
    );
    await call('workspace_delete', { workspace_id });
  });

  test('the id that a caller gives stands in the log of hub and worker, and in the audit record', async () => {
    const { workspace_id } = (await call('workspace_create', {})).body;
    const id = 'ticket-4711.retry:2';
    const run = await call('run_python', { workspace_id, code: 'print(1)' }, { 'x-request-id': id });
    assert.equal(run.requestId, id);
    await eventually(() => linesOf(worker(), id).some(({ msg }) => msg === 'a job ended'));
    await eventually(() => linesOf(hub(), id).some(({ msg }) => msg === 'call answered'));
    for (const line of [...linesOf(worker(), id), ...linesOf(hub(), id)]) assert.notEqual(line.level, 50);
    const records = new pg.Client({ connectionString: cluster.services.databaseUrl });
    await records.connect();
    const found = async () => {
      const text = 'select operation from audit where details like $1';
      const { rows } = await records.query(text, [`%"${id}"%`]);
      return rows.map(({ operation }) => operation);
    };
    try {
      // It is written behind the answer.
      await eventually(async () => (await found()).length > 0);
      assert.deepEqual(await found(), ['run_python']);
    } finally {
      await records.end();
    }
    await call('workspace_delete', { workspace_id });
  });

  test('an id that is none is replaced, and two requests at once keep theirs apart', async () => {
    const { workspace_id } = (await call('workspace_create', {})).body;
    const given = ['x'.repeat(129), 'a b', '{"level":60}'];
    for (const id of given) {
      const { requestId } = await call('echo', { message: 'x' }, { 'x-request-id': id });
      assert.match(requestId, /^[0-9a-f-]{36}$/);
    }
    const runs = await Promise.all(
      ['one', 'two', 'three'].map(id =>
        call('run_python', { workspace_id, code: `print("${id}")` }, { 'x-request-id': id }),
      ),
    );
    for (const { requestId } of runs) {
      await eventually(() => linesOf(worker(), requestId).some(({ msg }) => msg === 'a job ended'));
      assert.equal(linesOf(worker(), requestId).filter(({ msg }) => msg === 'a job ended').length, 1);
    }
    await call('workspace_delete', { workspace_id });
  });

  test('each role answers probes and scrapers on its health port', async () => {
    const { workspace_id } = (await call('workspace_create', {})).body;
    await call('run_python', { workspace_id, code: 'print(1)' });
    const urlOf = (role: { log(): string }) =>
      /"url":"([^"]+)","msg":"health checks are answered"/.exec(role.log())?.[1] ?? assert.fail('no health port');
    for (const role of [hub(), worker()]) {
      for (const path of ['/healthz', '/readyz']) {
        const response = await fetch(urlOf(role) + path);
        assert.equal(response.status, 200, path);
        assert.match(JSON.stringify(await response.json()), /"status":"(ok|ready)"/);
      }
      assert.equal((await fetch(`${urlOf(role)}/mcp`)).status, 404);
      assert.equal((await fetch(`${urlOf(role)}/healthz`, { method: 'POST' })).status, 405);
    }
    const metricsOf = async (role: { log(): string }) => {
      const text = await (await fetch(`${urlOf(role)}/metrics`)).text();
      return new Map([...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name, value]));
    };
    const ofWorker = await metricsOf(worker());
    assert.equal(ofWorker.get('boxswain_worker_slots'), '32');
    assert.equal(ofWorker.get('boxswain_worker_workspaces'), '1');
    assert.equal(ofWorker.get('boxswain_worker_fenced'), '0');
    assert.ok(Number(ofWorker.get('boxswain_worker_lease_age_seconds')) < 15);
    assert.ok(Number(ofWorker.get('boxswain_fabric_round_trip_seconds')) > 0);
    assert.ok(Number(ofWorker.get('boxswain_box_starts_total{outcome="ok"}')) >= 1);
    const ofHub = await metricsOf(hub());
    assert.equal(ofHub.get('boxswain_workers'), '1');
    assert.equal(ofHub.get('boxswain_slots'), '32');
    assert.equal(ofHub.get('boxswain_workspaces'), '1');
    assert.equal(ofHub.get('boxswain_tasks{status="running"}'), '0');
    await call('workspace_delete', { workspace_id });
  });
});
