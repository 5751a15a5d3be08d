import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { z } from 'zod';
import {
  calls,
  type ClaudeLines,
  claudeLines,
  codexLines,
  result,
  says,
} from '../../../src/worker/history/transcripts-for-tests.ts';
import { claudeSlug } from '../../../src/worker/history/identity.ts';
import { declareMoreHistory } from './more-history.ts';
import { listOf, messageSchema, projectSchema, sessionSchema, until } from './tools.ts';
import type { Grounds } from './grounds.ts';
import { type SessionVerifier, verifications } from './verify.ts';
import { operate } from '../../support/operations-api.ts';

const CODEX = '11111111-1111-4111-8111-111111111111';
const long = claudeLines({ cwd: '/x/my-app' });
const priced = claudeLines({ cwd: '/x/my/app' });
let transcript = '';

const fileOf = ({ sessionId }: ClaudeLines, cwd: string) => `.claude/projects/${claudeSlug(cwd)}/${sessionId}.jsonl`;

/** As the agents of a user left them: more than 64 KB in one session, pieces of one answer in several lines, a torn line. */
async function before(grounds: Grounds): Promise<void> {
  long.user('Mend the Gate of the harbour');
  for (let at = 0; at < 200; at += 1) {
    const answer = `msg_long_${at}`;
    long.assistant(says(`step ${at} ${'x'.repeat(400)}`), { answer, usage: { input_tokens: 7, output_tokens: 1 } });
    long.assistant(calls(`toolu_${at}`, `grep Lantern ${at}`), {
      answer,
      usage: { input_tokens: 7, output_tokens: 3 },
    });
    long.user(result(`toolu_${at}`, `a line of output ${at}`));
  }
  transcript = await grounds.home(fileOf(long, '/x/my-app'), `${long.text()}{"type":"assist`);
  priced.user('Count');
  priced.assistant(says('Seven geese'), { usage: { input_tokens: 100, output_tokens: 50 } });
  const modelUsage = { 'claude-x': { inputTokens: 100, outputTokens: 50, costUSD: 1.25 } };
  priced.line({ type: 'cost-state', totalCostUSD: 1.25, startTime: 1, modelUsage, hasUnknownModelCost: false });
  await grounds.home(fileOf(priced, '/x/my/app'), priced.text());
  await grounds.home(`.codex/sessions/2026/11/21/rollout-1-${CODEX}.jsonl`, codexLines(CODEX, { cwd: '/x/codex' }));
  const memory = '.claude/projects/-x-my-app/memory/MEMORY.md';
  await grounds.home(memory, '# Notes\nthe gate creaks\n');
}

function declare({ overTwo, once }: SessionVerifier): void {
  overTwo('history.projects', async subject => {
    const { projects } = await until(subject, {
      tool: 'list_projects',
      args: { query: '/x/' },
      isIt: output => listOf(output.projects).length === 3,
    });
    const bySlug = new Map(
      z
        .array(projectSchema)
        .parse(projects)
        .map(({ slug, path }) => [path, slug]),
    );
    const [first, second] = [bySlug.get('/x/my-app'), bySlug.get('/x/my/app')];
    assert.deepEqual([first, second].filter(slug => slug === '-x-my-app').length, 1);
    assert.match([first, second].find(slug => slug !== '-x-my-app') ?? '', /^-x-my-app~[0-9a-z]+$/);
  });

  overTwo('history.session', async subject => {
    const args = { session_id: long.sessionId, limit: 4, max_part_chars: 100 };
    const { session, messages, hasMore } = await until(subject, { tool: 'get_session', args, isIt: () => true });
    const { status, cwd, agent, resumeCommand } = sessionSchema.parse(session);
    assert.deepEqual([status, cwd, agent, hasMore], ['parked', '/x/my-app', 'claude', true]);
    assert.equal(resumeCommand, `cd /x/my-app && claude --resume ${long.sessionId}`);
    const read = z.array(messageSchema).parse(messages);
    assert.deepEqual(
      read.map(({ id, role, parts }) => [role === 'assistant' ? id : '', ...parts.map(({ type }) => type)]),
      [
        ['msg_long_198', 'text', 'tool_use'],
        ['', 'tool_result'],
        ['msg_long_199', 'text', 'tool_use'],
        ['', 'tool_result'],
      ],
    );
    assert.equal(read[0]?.parts[0]?.truncated, true);
  });

  overTwo('history.search', async subject => {
    const find = async (query: string, more = {}) =>
      listOf((await subject.ok('search_sessions', { query, ...more })).results).map(hit => Object(hit));
    await until(subject, {
      tool: 'search_sessions',
      args: { query: 'gate harbour' },
      isIt: output => listOf(output.results).length === 1,
    });
    const [hit] = await find('gate harbour');
    assert.deepEqual([hit.sessionId, hit.cwd], [long.sessionId, '/x/my-app']);
    assert.match(hit.snippet, /Mend the Gate of the harbour/, 'as it was written');
    assert.ok(hit.snippet.length <= 200);
    assert.deepEqual(await find('gate geese'), [], 'all words must occur');
    assert.equal((await find('"the Gate of"')).length, 1, 'a phrase');
    assert.deepEqual(await find('"Gate the of"'), []);
    assert.equal((await find('harb*')).length, 1, 'a prefix');
    const [tool, ...others] = await find('Lantern', { role: 'tool' });
    assert.deepEqual([tool.matches, tool.role, others.length], [200, 'tool', 0], 'one result of a session');
    assert.deepEqual(await find('secretinstructions'), [], 'system prompts are not searched');
    assert.equal((await find('codexdir', { agent: 'codex' })).length, 1);
  });

  overTwo('failure.01', async ({ ok }) => {
    const projects = z.array(projectSchema).parse((await ok('list_projects', { query: '/x/codex' })).projects);
    const none = await ok('get_project_memory', { slug: projects[0]?.slug });
    assert.deepEqual(none.files, []);
    const { files } = await ok('get_project_memory', { slug: '-x-my-app' });
    const [file] = listOf(files).map(one => Object(one));
    const { filename, content, kind, agent, sizeBytes, truncated } = file;
    assert.deepEqual(
      [filename, content, kind, agent, sizeBytes, truncated],
      ['MEMORY.md', '# Notes\nthe gate creaks\n', 'memory', 'claude', 24, false],
    );
  });

  overTwo('failure.09', async subject => {
    const { projects } = await subject.ok('list_projects', { query: '/x/my' });
    const slugOf = (at: string) =>
      z
        .array(projectSchema)
        .parse(projects)
        .find(({ path }) => path === at)?.slug;
    const usageOf = async (path: string) => {
      const args = { agent: 'claude', slug: slugOf(path) };
      return await until(subject, { tool: 'get_observability', args, isIt: output => output.totalSessions === 1 });
    };
    const sums = ({ totalInputTokens, totalOutputTokens, totalCostUsd, unpricedSessions }: Record<string, unknown>) => [
      ...[totalInputTokens, totalOutputTokens, totalCostUsd, unpricedSessions],
    ];
    // The pieces of an answer repeat its usage: the last one counts, once.
    assert.deepEqual(sums(await usageOf('/x/my-app')), [200 * 7, 200 * 3, 0, 1]);
    const usage = await usageOf('/x/my/app');
    assert.deepEqual(sums(usage), [100, 50, 1.25, 0]);
    const all = await subject.ok('get_observability', { agent: 'claude' });
    assert.ok(Number(all.totalInputTokens) >= 200 * 7 + 100);
    const daily = listOf(usage.daily).map(day => Object(day));
    assert.deepEqual(
      daily.map(({ date, totalCost }) => [date, totalCost]),
      [['2026-11-21', 1.25]],
    );
    assert.equal((await subject.ok('get_observability', { agent: 'codex' })).totalOutputTokens, 20);
    const { totalSessions } = await subject.ok('get_observability', { agent: 'claude', until: 1 });
    assert.equal(totalSessions, 0);
  });

  overTwo('history.forked', async ({ ok, fails }) => {
    const { status } = sessionSchema.parse((await ok('get_session', { session_id: priced.sessionId })).session);
    assert.equal(status, 'parked');
    const other = { session_id: long.sessionId, before: 'nothing' };
    assert.equal((await fails('get_session', other)).code, 'VALIDATION_ERROR');
    assert.equal((await ok('rename_session', { session_id: priced.sessionId, title: 'Geese' })).title, 'Geese');
    const { sessions } = await ok('list_sessions', { query: 'geese' });
    assert.deepEqual(
      listOf(sessions).map(session => Object(session).id),
      [priced.sessionId],
    );
  });

  once('history.appended', async ({ url }) => {
    const uuid = '22222222-2222-4222-8222-222222222222';
    const line = {
      ...{ parentUuid: long.parent, isSidechain: false, type: 'user', message: { role: 'user', content: 'Ptarmigan' } },
      ...{ uuid, timestamp: new Date().toISOString(), cwd: '/x/my-app', sessionId: long.sessionId },
    };
    await appendFile(transcript, `ant"}\n${JSON.stringify(line)}\n`);
    const { results } = await until(
      { ok: (tool: string, args = {}) => operate(url, tool, args) },
      { tool: 'search_sessions', args: { query: 'ptarmigan' }, isIt: output => listOf(output.results).length === 1 },
    );
    assert.equal(Object(listOf(results)[0]).messageId, uuid);
  });
}

verifications(
  'history of agents',
  (verifier, grounds) => {
    declare(verifier);
    declareMoreHistory(verifier, grounds);
  },
  { before },
);
