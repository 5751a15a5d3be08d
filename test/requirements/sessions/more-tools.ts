import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { freshProject, listOf, permissionSchema, textsOf, until } from './tools.ts';
import type { SessionVerifier } from './verify.ts';

const permissionsOf = (output: Record<string, unknown>) => z.array(permissionSchema).parse(output.permissions);
const write = (path: string, content: string) => `#tool Write ${JSON.stringify({ file_path: path, content })}\n#result`;

const agentSchema = z.looseObject({
  kind: z.string(),
  name: z.string(),
  installed: z.boolean(),
  workerId: z.string(),
  authenticated: z.enum(['yes', 'no', 'unknown']),
  models: z.array(z.string()),
  permissionModes: z.array(z.string()),
  capabilities: z.object({
    ...{ resume: z.boolean(), fork: z.boolean(), forkAtMessage: z.boolean(), list: z.boolean() },
    ...{ interrupt: z.boolean(), permissions: z.boolean(), denyMessage: z.boolean(), updatedInput: z.boolean() },
    ...{ usage: z.boolean(), cost: z.boolean(), inWorkspace: z.boolean(), denyEndsTurn: z.boolean() },
    remember: z.array(z.enum(['once', 'session', 'always'])),
  }),
});

const hitSchema = z.object({
  ...{ sessionId: z.string(), slug: z.string(), title: z.string(), cwd: z.string(), snippet: z.string().max(200) },
  ...{ updatedAt: z.number(), mtimeMs: z.number(), messageId: z.string(), matches: z.number(), agent: z.string() },
  role: z.enum(['user', 'assistant', 'tool']),
  workerId: z.string(),
});

const usageSchema = z.looseObject({
  totalSessions: z.number(),
  totalCostUsd: z.number(),
  totalInputTokens: z.number(),
  totalOutputTokens: z.number(),
  activeProjects: z.array(z.string()),
  recentActivity: z.array(
    z.object({ slug: z.string(), sessionCount: z.number(), totalCost: z.number(), lastActive: z.number() }),
  ),
  projectBreakdown: z.array(
    z.object({ projectName: z.string(), slug: z.string(), sessions: z.number(), cost: z.number(), tokens: z.number() }),
  ),
  daily: z.array(
    z.object({
      ...{ date: z.string(), totalCost: z.number(), totalSessions: z.number() },
      ...{ totalInputTokens: z.number(), totalOutputTokens: z.number() },
    }),
  ),
  byAgent: z.array(z.looseObject({ agent: z.string() })),
  byModel: z.array(z.looseObject({ model: z.string() })),
  unpricedSessions: z.number(),
  computedAt: z.number(),
});

export function declareMoreTools({ overMcp }: SessionVerifier): void {
  overMcp('tool.list_permissions', async ({ resting, say, ok, fails }) => {
    const session_id = await resting();
    const asked = await say(session_id, write('listed.txt', 'x'));
    assert.deepEqual([asked.waitingPermission, asked.timedOut, asked.status], [true, false, 'waiting_permission']);
    const [request, ...others] = permissionsOf(await ok('list_permissions', { session_id }));
    assert.deepEqual(listOf(asked.pendingPermissions), [request]);
    assert.deepEqual([request?.sessionId, request?.toolName, request?.state], [session_id, 'Write', 'pending']);
    assert.deepEqual([request?.input, others], [{ file_path: 'listed.txt', content: 'x' }, []]);
    const shown = Object((await ok('get_session', { session_id })).session);
    assert.deepEqual([shown.pendingPermissionCount, shown.pendingPermissions], [1, [request]]);
    await ok('abort_session', { session_id });
    await until(
      { ok },
      {
        tool: 'list_permissions',
        args: { session_id },
        isIt: output => permissionsOf(output).length === 0,
      },
    );
    const [ended] = permissionsOf(await ok('list_permissions', { session_id, state: 'all', limit: 1 }));
    assert.deepEqual([ended?.requestId, ended?.state], [request?.requestId, 'expired']);
    const unknown = { session_id: 'ffffffff-ffff-4fff-8fff-ffffffffffff' };
    assert.equal((await fails('list_permissions', unknown)).code, 'SESSION_NOT_FOUND');
  });

  overMcp('tool.respond_permission', async subject => {
    const { create, say, ok, fails } = subject;
    const cwd = await freshProject(subject);
    const session_id = await create({ cwd });
    const ask = async (text: string) => {
      const { pendingPermissions } = await say(session_id, text);
      return String(Object(listOf(pendingPermissions)[0]).requestId);
    };
    const request_id = await ask(write('a.txt', 'first'));
    const answer = {
      session_id,
      request_id,
      behavior: 'allow',
      updated_input: { file_path: 'a.txt', content: 'other' },
    };
    const told = { ok: true, requestId: request_id, behavior: 'allow', remember: 'once' };
    assert.deepEqual(await ok('respond_permission', answer), { ...told, alreadyResolved: false });
    assert.deepEqual(await ok('respond_permission', answer), { ...told, alreadyResolved: true });
    const late = await fails('respond_permission', { session_id, request_id, behavior: 'deny' });
    assert.deepEqual([late.code, late.details.state], ['PERMISSION_NOT_PENDING', 'allowed']);
    assert.equal(late.message, `Permission request ${request_id} is not pending: allowed`);
    await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: ({ session }) => Object(session).status === 'idle',
    });
    assert.equal(await readFile(join(cwd, 'a.txt'), 'utf8'), 'other', 'the tool got what was answered');
    const denied = await ask(write('b.txt', 'x'));
    await ok('respond_permission', { session_id, request_id: denied, behavior: 'deny', message: 'not today' });
    const { messages } = await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: output => textsOf(output.messages).includes('not today'),
    });
    assert.ok(textsOf(messages).includes('not today'), 'the agent was told why');
    const unknown = await fails('respond_permission', { session_id, request_id: 'nothing', behavior: 'allow' });
    assert.deepEqual([unknown.code, unknown.details.state], ['PERMISSION_NOT_PENDING', 'unknown']);
  });

  overMcp('tool.list_agents_available', async ({ ok, fails }) => {
    const agents = z.array(agentSchema).parse((await ok('list_agents_available')).agents);
    const kinds = new Set(agents.map(({ kind }) => kind));
    for (const kind of ['claude', 'codex', 'gemini', 'opencode', 'scripted']) assert.ok(kinds.has(kind), kind);
    const [scripted] = agents.filter(({ kind }) => kind === 'scripted');
    assert.deepEqual([scripted?.installed, scripted?.capabilities.denyEndsTurn], [true, false]);
    const here = await ok('list_agents_available', { worker_id: scripted?.workerId });
    for (const { workerId } of z.array(agentSchema).parse(here.agents)) assert.equal(workerId, scripted?.workerId);
    assert.equal((await fails('list_agents_available', { worker_id: 'nobody' })).code, 'WORKER_NOT_FOUND');
  });

  overMcp('tool.get_project_memory', async subject => {
    const cwd = await freshProject(subject);
    await subject.say(await subject.create({ cwd }), '#say hello');
    const { projects } = await until(subject, {
      tool: 'list_projects',
      args: { query: cwd.split('/').at(-1) },
      isIt: output => listOf(output.projects).length > 0,
    });
    const slug = Object(listOf(projects)[0]).slug;
    const { output, text } = await subject.call('get_project_memory', { slug });
    assert.deepEqual(output.files, []);
    if (text.length > 0) assert.deepEqual(text, ['[]']);
    const unknown = await subject.fails('get_project_memory', { slug: '-nowhere' });
    assert.deepEqual([unknown.code, unknown.message], ['PROJECT_NOT_FOUND', 'Project not found: -nowhere']);
  });

  overMcp('tool.search_sessions', async subject => {
    const { create, say, ok } = subject;
    const word = `Heron${subject.wire.replaceAll(/\W/g, '')}`;
    const session_id = await create({ title: 'Birds' });
    await say(session_id, `#say the ${word} waits, the ${word} wades`);
    const found = await until(subject, {
      tool: 'search_sessions',
      args: { query: word.toLowerCase() },
      isIt: output => listOf(output.results).length > 0,
    });
    const [hit, ...others] = z.array(hitSchema).parse(found.results);
    assert.deepEqual([hit?.sessionId, hit?.title, hit?.agent, others], [session_id, 'Birds', 'scripted', []]);
    assert.match(hit?.snippet ?? '', new RegExp(word), 'as it was written');
    const none = { role: 'tool', query: word };
    for (const args of [none, { query: word, agent: 'claude' }, { query: word, slug: 'x' }, { query: word, until: 1 }])
      assert.deepEqual(listOf((await ok('search_sessions', args)).results), [], JSON.stringify(args));
    const since = { query: word, since: 1, sort: 'relevance', role: 'assistant', slug: hit?.slug, limit: 1 };
    assert.equal(listOf((await ok('search_sessions', since)).results).length, 1);
  });

  overMcp('tool.poll_events', async ({ resting, say, ok, call, fails }) => {
    const session_id = await resting();
    const sent = await ok('send_prompt', { session_id, text: '#say polled' });
    const after = sent.cursor;
    await say(session_id, '#say second');
    const { output, text } = await call('poll_events', { session_id, after, timeout_ms: 0 });
    assert.deepEqual([output.gap, output.hasMore], [false, false]);
    if (text.length > 0)
      assert.deepEqual([JSON.parse(text[0] ?? ''), text[1]], [output.events, `cursor: ${output.cursor}`]);
    const events = listOf(output.events);
    const seqs = events.map(event => Object(event).seq);
    assert.deepEqual(
      seqs,
      seqs.map((_, at) => seqs[0] + at),
      'seq rises by one',
    );
    for (const event of events) {
      const { stream, sessionId, time } = Object(event);
      assert.deepEqual([stream, sessionId, typeof time], [`session:${session_id}`, session_id, 'number']);
    }
    assert.deepEqual(
      (await ok('poll_events', { session_id, after, timeout_ms: 0 })).events,
      events,
      'reading takes nothing',
    );
    const first = await ok('poll_events', { stream: `session:${session_id}`, after, max_events: 1, timeout_ms: 0 });
    assert.deepEqual([first.events, first.hasMore], [events.slice(0, 1), true]);
    const ends = await ok('poll_events', { session_id, after, types: ['session.idle'], timeout_ms: 0 });
    assert.equal(listOf(ends.events).length, 2);
    const { code } = await fails('poll_events', { after: 'nonsense' });
    assert.equal(code, 'VALIDATION_ERROR');
  });

  overMcp('tool.get_health', async ({ ok, resting }) => {
    await resting();
    const { ok: isWell, name, version, uptime, sessions, workers, mode } = await ok('get_health');
    assert.deepEqual([isWell, name, typeof version, typeof uptime], [true, 'boxswain', 'string', 'number']);
    assert.ok(Number(sessions) >= 1 && Number(workers) >= 1, `${sessions} sessions, ${workers} workers`);
    assert.ok(['solo', 'team', 'cluster'].includes(String(mode)), String(mode));
  });

  overMcp('tool.get_health_details', async ({ ok }) => {
    const { status, subsystems, log } = await ok('get_health_details');
    const part = z.looseObject({ name: z.string(), healthy: z.boolean(), details: z.unknown() });
    assert.ok(z.array(part).parse(status).length > 0);
    assert.deepEqual(subsystems, status);
    assert.ok(listOf(log).length <= 100);
  });

  overMcp('tool.get_state', async ({ ok }) => {
    const { markers, preferences, recentCwds, version } = await ok('get_state');
    assert.deepEqual([typeof markers, typeof preferences, typeof version], ['object', 'object', 'number']);
    assert.ok(Array.isArray(recentCwds));
  });

  overMcp('tool.update_state', async ({ ok, fails, wire }) => {
    const key = wire.replaceAll(/\W+/g, '-');
    const marker = { id: 'm1', sessionId: 's', messageId: 'x', label: 'here', createdAt: 1 };
    const patch = { markers: { [key]: [marker] }, preferences: { [key]: 'dark' }, recentCwds: ['/a'] };
    const changed = await ok('update_state', { patch });
    assert.deepEqual([Object(changed.markers)[key], Object(changed.preferences)[key]], [[marker], 'dark']);
    assert.deepEqual(await ok('get_state'), changed);
    const removed = await ok('update_state', { patch: { markers: { [key]: null } }, if_version: changed.version });
    assert.deepEqual([key in Object(removed.markers), Object(removed.preferences)[key]], [false, 'dark']);
    assert.deepEqual(removed.recentCwds, ['/a']);
    const late = await fails('update_state', { patch: {}, if_version: changed.version });
    assert.equal(late.code, 'CONFLICT');
    for (const wrong of [{ other: 1 }, { preferences: { big: 'x'.repeat(262_145) } }])
      assert.equal((await fails('update_state', { patch: wrong })).code, 'VALIDATION_ERROR');
  });

  overMcp('tool.get_observability', async subject => {
    const cwd = await freshProject(subject);
    await subject.say(await subject.create({ cwd }), '#usage 40 2 0.5\n#say done');
    const { projects } = await until(subject, {
      tool: 'list_projects',
      args: { query: cwd.split('/').at(-1) },
      isIt: output => listOf(output.projects).length > 0,
    });
    const { slug } = Object(listOf(projects)[0]);
    const output = await until(subject, {
      tool: 'get_observability',
      args: { slug, agent: 'scripted' },
      isIt: told => told.totalInputTokens === 40,
    });
    const { totalSessions, totalCostUsd, totalOutputTokens, byAgent, ...sums } = usageSchema.parse(output);
    assert.deepEqual([totalSessions, totalCostUsd, totalOutputTokens, sums.unpricedSessions], [1, 0.5, 2, 0]);
    assert.deepEqual([byAgent.length, byAgent[0]?.agent, sums.activeProjects], [1, 'scripted', [slug]]);
    assert.deepEqual(sums.projectBreakdown, [
      { projectName: cwd.split('/').at(-1), slug, sessions: 1, cost: 0.5, tokens: 42 },
    ]);
    assert.equal((await subject.ok('get_observability', { slug, until: 1 })).totalInputTokens, 0);
  });
}
