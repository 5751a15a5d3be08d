import assert from 'node:assert/strict';
import { z } from 'zod';
import type { Target } from '../../support/target.ts';
import { freshProject, listOf, textsOf, until, untilRunning } from './tools.ts';
import type { SessionVerifier } from './verify.ts';

const agentSchema = z.looseObject({ kind: z.string(), workerId: z.string() });
const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const SILENT = 'worker-that-is-silent';

/** A worker that has a lease and does not answer, as one whose machine hangs. */
async function addSilentWorker({ query }: Target): Promise<void> {
  const [known] = z.array(rowSchema).parse(await query('select * from worker limit 1'));
  const row = { ...known, id: SILENT, slots: 0, lease_until: Date.now() + 3_600_000 };
  const columns = Object.entries(row).flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  const marks = columns.map(() => '?').join(', ');
  await query(
    `insert into worker (${names}) values (${marks})`,
    columns.map(({ value }) => value),
  );
}

export function declareWorkers({ overTwo, overRecords }: SessionVerifier): void {
  overRecords('rule.warnings', async ({ ok, create, target, wire }) => {
    const id = await create({ title: `Beside a silent worker, ${wire}` });
    await addSilentWorker(target);
    const query = { query: `silent worker, ${wire}` };
    for (const [tool, args] of [
      ['list_sessions', query],
      ['list_projects', {}],
    ] as const) {
      const { warnings } = await until({ ok }, { tool, args, isIt: output => listOf(output.warnings).length > 0 });
      assert.deepEqual(warnings, [{ workerId: SILENT, code: 'WORKER_UNREACHABLE' }], tool);
    }
    const { sessions } = await ok('list_sessions', query);
    assert.deepEqual(
      listOf(sessions).map(session => Object(session).id),
      [id],
      'what the others have is listed',
    );
    await target.query('delete from worker where id = ?', [SILENT]);
    await until({ ok }, { tool: 'list_sessions', args: query, isIt: output => listOf(output.warnings).length === 0 });
  });

  overTwo('failure.17.workers', async subject => {
    const { create, say, ok } = subject;
    const { agents } = await ok('list_agents_available');
    const workers = z
      .array(agentSchema)
      .parse(agents)
      .flatMap(({ kind, workerId }) => (kind === 'scripted' ? [workerId] : []));
    assert.ok(workers.length > 0);
    for (const worker_id of workers) {
      const cwd = await freshProject(subject);
      const word = `Curlew${worker_id.replaceAll(/\W/g, '')}${subject.wire.replaceAll(/\W/g, '')}`;
      const session_id = await create({ cwd, worker_id, title: word });
      const shown = async () => Object((await ok('get_session', { session_id })).session);
      assert.equal((await shown()).workerId, worker_id);
      assert.equal((await say(session_id, `#usage 3 2 0.5\n#say ${word}`)).timedOut, false);
      await ok('send_prompt', { session_id, text: '#slow 400 50' });
      await untilRunning(subject, session_id);
      assert.equal((await ok('abort_session', { session_id })).aborted, true);
      const { pendingPermissions } = await say(session_id, '#tool Write {"file_path": "a", "content": "b"}');
      const request_id = Object(listOf(pendingPermissions)[0]).requestId;
      const listed = listOf((await ok('list_permissions', { session_id })).permissions);
      assert.equal(Object(listed[0]).requestId, request_id);
      await ok('respond_permission', { session_id, request_id, behavior: 'allow' });
      await until(subject, {
        tool: 'get_session',
        args: { session_id },
        isIt: ({ session }) => Object(session).status === 'idle',
      });
      assert.equal((await ok('rename_session', { session_id, title: `${word} 2` })).title, `${word} 2`);
      assert.ok(listOf((await ok('poll_events', { session_id, timeout_ms: 0 })).events).length > 0);
      const forked = await ok('fork_session', { session_id });
      assert.equal(Object((await ok('get_session', { session_id: forked.sessionId })).session).workerId, worker_id);
      assert.match(textsOf((await say(String(forked.sessionId), '#recall')).messages).at(-1) ?? '', new RegExp(word));
      await ok('dispose_session', { session_id: forked.sessionId });
      const found = await until(subject, {
        tool: 'search_sessions',
        args: { query: word },
        isIt: output => listOf(output.results).length > 0,
      });
      assert.equal(Object(listOf(found.results)[0]).workerId, worker_id);
      const { projects } = await until(subject, {
        tool: 'list_projects',
        args: { query: cwd.split('/').at(-1), worker_id },
        isIt: output => listOf(output.projects).length > 0,
      });
      const { slug, workerId } = Object(listOf(projects)[0]);
      assert.equal(workerId, worker_id);
      assert.deepEqual((await ok('get_project_memory', { slug, worker_id })).files, []);
      const sessions = listOf((await ok('list_sessions', { worker_id, query: word })).sessions);
      assert.ok(sessions.some(session => Object(session).id === session_id));
      await until(subject, {
        tool: 'get_observability',
        args: { slug },
        isIt: usage => Number(usage.totalInputTokens) >= 3,
      });
      assert.equal((await ok('dispose_session', { session_id })).disposed, true);
    }
  });
}
