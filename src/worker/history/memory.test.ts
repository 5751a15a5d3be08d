import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { claudeSlug } from './identity.ts';
import { claudeLines, testPlace } from './transcripts-for-tests.ts';

test('get_project_memory returns the files of a project that has memory, and [] for one that has none', async () => {
  await using place = await testPlace();
  const cwd = join(place.folder, 'with');
  const other = join(place.folder, 'without');
  for (const path of [cwd, other]) {
    const session = claudeLines({ cwd: path });
    session.user('hello');
    await place.claude(session, { cwd: path });
  }
  await place.write(`claude/projects/${claudeSlug(cwd)}/memory/MEMORY.md`, '# Remember');
  await place.write(`claude/projects/${claudeSlug(cwd)}/memory/topics/tests.md`, 'run them');
  await using history = await place.open();
  const files = await history.memory({ slug: claudeSlug(cwd), include: 'memory' });
  assert.deepEqual(
    files?.map(({ filename, content, kind, agent, truncated }) => [filename, content, kind, agent, truncated]),
    [
      ['MEMORY.md', '# Remember', 'memory', 'claude', false],
      ['topics/tests.md', 'run them', 'memory', 'claude', false],
    ],
  );
  assert.deepEqual(await history.memory({ slug: claudeSlug(other), include: 'memory' }), []);
  assert.equal(await history.memory({ slug: '../../etc', include: 'all' }), undefined);
});

test('instructions and rules come from the user, the directories above and the project', async () => {
  await using place = await testPlace();
  const cwd = join(place.folder, 'repo/app');
  const session = claudeLines({ cwd });
  session.user('hello');
  await place.claude(session, { cwd });
  await place.write('claude/CLAUDE.md', 'user');
  await place.write('claude/rules/own.md', 'rule');
  await place.write('codex/AGENTS.md', 'codex');
  await place.write('opencode-config/AGENTS.md', 'opencode');
  await place.write('repo/CLAUDE.md', 'above');
  await place.write('repo/app/AGENTS.md', 'agents');
  await place.write('repo/app/GEMINI.md', 'x'.repeat(300_000));
  await place.write('repo/app/.claude/rules/deep/style.md', 'style');
  await symlink('AGENTS.md', join(cwd, 'CLAUDE.md'));
  await mkdir(join(cwd, 'CLAUDE.local.md'));
  await using history = await place.open();
  const files = (await history.memory({ slug: claudeSlug(cwd), include: 'all' })) ?? [];
  const own = files.filter(({ path }) => path.startsWith(place.folder));
  assert.deepEqual(
    own.map(({ agent, kind, content }) => `${agent} ${kind} ${content.slice(0, 8)}`),
    [
      'claude instructions user',
      'codex instructions codex',
      'opencode instructions opencode',
      'claude instructions above',
      'claude instructions agents',
      'codex instructions agents',
      'gemini instructions xxxxxxxx',
      'claude rules rule',
      'claude rules style',
    ],
  );
  const large = own.find(({ agent }) => agent === 'gemini');
  assert.deepEqual([large?.truncated, large?.sizeBytes, large?.content.length], [true, 300_000, 262_144]);
});
