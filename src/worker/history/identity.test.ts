import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { claudeSlug, distinctSlug, repositoryNames, sessionUid } from './identity.ts';
import { historyRoots } from './roots.ts';
import { testPlace } from './transcripts-for-tests.ts';

test("a session's id is the agent's where that is a UUID, and else always the same one of its own", () => {
  const uuid = '3D9C87F6-1e5c-4f75-b2ef-ac4efe08aa01';
  assert.equal(sessionUid('claude', uuid), uuid.toLowerCase());
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/;
  fc.assert(
    fc.property(fc.string(), name => {
      const id = sessionUid('opencode', `ses_${name}`);
      assert.match(id, pattern);
      assert.equal(sessionUid('opencode', `ses_${name}`), id);
      assert.notEqual(sessionUid('codex', `ses_${name}`), id);
    }),
  );
});

test('slugs hold only letters, digits and dashes, and stay short', () => {
  assert.equal(claudeSlug('/x/my_app.v2'), '-x-my-app-v2');
  const long = `/${'deep/'.repeat(60)}`;
  assert.match(claudeSlug(long), /^[a-z-]{200}-[0-9a-z]+$/);
  assert.notEqual(claudeSlug(`${long}a`), claudeSlug(`${long}b`));
  assert.match(distinctSlug('/x/my/app'), /^-x-my-app~[0-9a-f]{6}$/);
});

test('names of repository and worktree are read from files of git, from any folder below', async () => {
  await using place = await testPlace();
  await mkdir(join(place.folder, 'shop/.git/worktrees/fix'), { recursive: true });
  await mkdir(join(place.folder, 'shop/src/deep'), { recursive: true });
  await place.write('elsewhere/.git', `gitdir: ${place.folder}/shop/.git/worktrees/fix\n`);
  await place.write('module/.git', 'gitdir: ../shop/.git/modules/module\n');
  assert.deepEqual(repositoryNames(join(place.folder, 'shop/src/deep')), { repoName: 'shop' });
  assert.deepEqual(repositoryNames(join(place.folder, 'elsewhere')), { repoName: 'shop', worktreeLabel: 'fix' });
  assert.deepEqual(repositoryNames(join(place.folder, 'module')), { repoName: 'module' });
  assert.deepEqual(repositoryNames(join(place.folder, 'gone/for/ever')), {});
});

test('records are where the environment says, or where the configuration does', () => {
  assert.deepEqual(historyRoots({ HOME: '/h' }), {
    claude: '/h/.claude',
    codex: '/h/.codex',
    gemini: '/h/.gemini',
    opencode: '/h/.local/share/opencode',
    opencodeConfig: '/h/.config/opencode',
  });
  const environment = {
    HOME: '/h',
    CLAUDE_CONFIG_DIR: '/c',
    CODEX_HOME: '/x',
    XDG_DATA_HOME: '/d',
    XDG_CONFIG_HOME: '/e',
  };
  const roots = historyRoots(environment, { gemini: '/g' });
  assert.deepEqual(roots, {
    claude: '/c',
    codex: '/x',
    gemini: '/g',
    opencode: '/d/opencode',
    opencodeConfig: '/e/opencode',
  });
  assert.deepEqual(Object.values(historyRoots({})).filter(Boolean), []);
});
