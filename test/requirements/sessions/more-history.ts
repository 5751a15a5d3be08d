import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { claudeSlug } from '../../../src/worker/history/identity.ts';
import { claudeLines, says } from '../../../src/worker/history/transcripts-for-tests.ts';
import { listOf, until } from './tools.ts';
import type { Grounds } from './grounds.ts';
import { type SessionSubject, type SessionVerifier, typed } from './verify.ts';

const MOST_BYTES = 256 * 1024;

const memorySchema = z.object({
  filename: z.string(),
  content: z.string(),
  path: z.string(),
  kind: z.enum(['memory', 'instructions', 'rules']),
  agent: z.string(),
  sizeBytes: z.number(),
  truncated: z.boolean(),
});
const told = (files: unknown) => z.array(memorySchema).parse(files);
const linesOf = (files: unknown, place: string) =>
  told(files).flatMap(({ path, kind, agent, filename, truncated }) =>
    path.startsWith(place) || kind === 'memory' ? [`${agent} ${kind} ${filename}${truncated ? ' cut' : ''}`] : [],
  );
const EXPECTED = [
  'claude memory MEMORY.md',
  'claude instructions CLAUDE.md',
  'codex instructions AGENTS.md',
  'gemini instructions GEMINI.md cut',
  'claude rules style.md',
];

/** A project with a transcript, memory, and what people wrote for agents; its directory. */
async function project({ projects, home }: Grounds): Promise<string> {
  const cwd = join(projects, 'told');
  const files = {
    'CLAUDE.md': 'for claude',
    'AGENTS.md': 'for any',
    'GEMINI.md': `${'x'.repeat(MOST_BYTES - 1)}é`,
    '.claude/rules/style.md': 'short lines',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), content);
  }
  const lines = claudeLines({ cwd, sessionId: '33333333-3333-4333-8333-333333333333' });
  lines.user('Read what you were told');
  const folder = `.claude/projects/${claudeSlug(cwd)}`;
  await home(`${folder}/${lines.sessionId}.jsonl`, lines.text());
  await home(`${folder}/memory/MEMORY.md`, 'the gate creaks\n');
  return cwd;
}

async function slugOf({ ok }: Pick<SessionSubject, 'ok'>, cwd: string): Promise<string> {
  const { projects } = await until(
    { ok },
    { tool: 'list_projects', args: { query: cwd }, isIt: output => listOf(output.projects).length > 0 },
  );
  return String(Object(listOf(projects)[0]).slug);
}

/** Every file below a folder with its content's hash. */
async function contentsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  const hashed = files.sort().map(async file => {
    const hash = createHash('sha256').update(await readFile(file));
    return `${file} ${hash.digest('hex')}`;
  });
  return await Promise.all(hashed);
}

export function declareMoreHistory({ overTwo, overRecords }: SessionVerifier, grounds: () => Grounds): void {
  overRecords('history.memory_all', async subject => {
    const { ok, url, wire, target } = subject;
    const cwd = await project(grounds());
    const slug = await slugOf(subject, cwd);
    const { files } = await ok('get_project_memory', { slug, include: 'all' });
    assert.deepEqual(linesOf(files, cwd), EXPECTED);
    const large = told(files).find(({ filename }) => filename === 'GEMINI.md');
    // The last character does not fit: half of it is not shown.
    assert.deepEqual([large?.sizeBytes, large?.content.length], [MOST_BYTES + 1, MOST_BYTES - 1]);
    const memory = await ok('get_project_memory', { slug });
    assert.deepEqual(linesOf(memory.files, cwd), EXPECTED.slice(0, 1));
    if (wire !== 'http, operations') return;
    const route = await fetch(`${url}/api/projects/${encodeURIComponent(slug)}/memory?include=all`);
    assert.deepEqual(linesOf(await route.json(), cwd), EXPECTED);
    const words = ['sessions', 'memory', slug, '--include', 'all', '--json'];
    const { stdout } = await typed([...words, '--directory', target.server.directory]);
    assert.deepEqual(linesOf(Object(JSON.parse(stdout)).files, cwd), EXPECTED);
  });

  overTwo('history.untouched', async subject => {
    const { ok } = subject;
    const cwd = await project(grounds());
    const slug = await slugOf(subject, cwd);
    const folder = dirname(await grounds().home('.claude/mark', ''));
    const before = await contentsOf(folder);
    const session_id = '33333333-3333-4333-8333-333333333333';
    await until(
      { ok: async (tool, args) => await ok(tool, args).catch(() => ({})) },
      { tool: 'get_session', args: { session_id }, isIt: ({ session }) => session !== undefined },
    );
    for (const [tool, args] of [
      ['list_sessions', { slug }],
      ['search_sessions', { query: 'told', slug }],
      ['get_project_memory', { slug, include: 'all' }],
      ['get_observability', { slug }],
      ['poll_events', { session_id, timeout_ms: 0 }],
      ['rename_session', { session_id, title: 'Told' }],
      ['abort_session', { session_id }],
      ['dispose_session', { session_id }],
    ] as const)
      await ok(tool, args);
    assert.deepEqual(await contentsOf(folder), before);
  });

  overTwo('usage.fresh', async subject => {
    const { ok, wire } = subject;
    const cwd = `/fresh/${wire.replaceAll(/\W+/g, '-')}`;
    const lines = claudeLines({ cwd });
    const use = (answer: string) =>
      lines.assistant(says('Seven'), { answer, usage: { input_tokens: 1000, output_tokens: 1 } });
    lines.user('Count');
    // An answer counts once, whatever session it is in.
    use(`msg_first_${wire}`);
    const file = await grounds().home(`.claude/projects/${claudeSlug(cwd)}/${lines.sessionId}.jsonl`, lines.text());
    const sum = async (tokens: number) => {
      const args = { slug: claudeSlug(cwd) };
      await until({ ok }, { tool: 'get_observability', args, isIt: usage => usage.totalInputTokens === tokens });
    };
    await sum(1000);
    use(`msg_second_${wire}`);
    await appendFile(file, `${lines.lines.at(-1)}\n`);
    await sum(2000);
    const askedAt = Date.now();
    const { computedAt } = await ok('get_observability');
    assert.ok(Number(computedAt) >= askedAt - 10_000, 'not older than 10 s');
  });
}
