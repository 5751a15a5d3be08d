import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type GitServer, startGitServer } from '../../../../test/support/git-server.ts';
import { type Config, configSchema } from '../../../config/config.ts';
import { AppError } from '../../../errors/app-error.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { type BoxForTests, openBox } from './box-for-tests.ts';
import { cloneRepository, commitChanges } from './git.ts';
import { countChanges } from './git-numstat.ts';
import { repositoryName, repositoryUrl } from './git-url.ts';

const clone = (url: string, more: Partial<JobOf<'git_clone'>> = {}): JobOf<'git_clone'> => ({
  kind: 'git_clone',
  url,
  depth: 1,
  timeoutSeconds: 60,
  ...more,
});
const commit = (path: string, more: Partial<JobOf<'git_commit'>> = {}): JobOf<'git_commit'> => ({
  kind: 'git_commit',
  message: 'A change',
  path,
  timeoutSeconds: 60,
  ...more,
});

async function failure(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return error;
  }
  return assert.fail('it did not fail');
}

describe('git', { concurrency: false }, () => {
  let server: GitServer;
  let box: BoxForTests;

  before(async () => {
    server = await startGitServer();
    const { host } = new URL(server.url('normal.git'));
    box = await openBox({ git: { allow_http: true }, private_hosts: [host] });
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    await server.close();
  });

  test('a repository is cloned through the proxy, its newest commit only', async () => {
    const output = await cloneRepository(clone(server.url('normal.git')), box);
    assert.deepEqual(output, { path: 'normal', commit: server.commit, branch: 'main' });
    assert.equal((await box.sh('git -C normal rev-list --count HEAD; cat normal/README.md')).stdout, '1\nhello\n');
    assert.ok(box.seen.length > 0 && box.seen.every(({ allowed }) => allowed));
  });

  test('depth 0 has all commits; a branch and a path can be named', async () => {
    await cloneRepository(clone(server.url('normal.git'), { depth: 0, path: 'deep/all' }), box);
    assert.equal((await box.sh('git -C deep/all rev-list --count HEAD')).stdout, '3\n');
    const other = await cloneRepository(clone(server.url('normal.git'), { branch: 'other', path: '-dash' }), box);
    assert.equal(other.branch, 'other');
    assert.equal(other.path, '-dash');
  });

  test('an empty repository has no commit', async () => {
    const output = await cloneRepository(clone(server.url('empty.git')), box);
    assert.deepEqual(output, { path: 'empty', commit: null, branch: 'main' });
  });

  test('what git refuses is GIT_FAILED with its last error', async () => {
    const again = await failure(cloneRepository(clone(server.url('normal.git')), box));
    assert.equal(again.code, 'GIT_FAILED');
    assert.match(again.message, /destination path 'normal' already exists/);
    const branch = await failure(cloneRepository(clone(server.url('normal.git'), { branch: 'none', path: 'x' }), box));
    assert.match(branch.message, /Remote branch none not found/);
    assert.equal(branch.details.exit_code, 128);
  });

  test('a hostile repository is cloned and runs nothing', async () => {
    const { path } = await cloneRepository(clone(server.url('hostile.git')), box);
    assert.equal(path, 'hostile');
    const found = await box.sh(
      'ls -a hostile hostile/.git/hooks 2>&1; ls PWNED 2>&1; ls -A hostile/evil; cat hostile/README.md',
    );
    assert.match(found.stdout, /ls: cannot access 'PWNED'/);
    assert.match(found.stdout, /hostile\n$/);
  });

  test('hostile settings of a repository run nothing when its changes are committed', async () => {
    const evil = 'touch /workspace/PWNED';
    await box.sh(
      [
        'mkdir bad && cd bad && git init -q && mkdir -p .git/hooks',
        `for h in pre-commit commit-msg prepare-commit-msg post-commit post-index-change; do printf '#!/bin/sh\n${evil}\n' > .git/hooks/$h; chmod +x .git/hooks/$h; done`,
        `git config core.fsmonitor '${evil}' && git config core.hooksPath .git/hooks && git config gpg.program '${evil}'`,
        `git config commit.gpgsign true && git config diff.external '${evil}' && git config core.editor '${evil}'`,
        `git config filter.evil.clean '${evil}; cat' && git config filter.evil.process '${evil}' && git config filter.evil.required true`,
        `git config filter.a=b.clean '${evil}; cat' && git config diff.evil.textconv '${evil}'`,
        "printf '* filter=evil diff=evil\n*.x filter=a=b\n' > .gitattributes; echo 1 > a.x; echo 2 > b; rm -f ../PWNED",
      ].join('\n'),
    );
    const output = await commitChanges(commit('bad'), box);
    assert.equal(output.files_changed, 3);
    assert.equal((await box.sh('ls PWNED')).exitCode, 2);
  });

  test('a commit counts its files and lines, and has its author', async () => {
    await box.sh("cd normal && printf '1\n2\n' > new.txt && rm README.md && printf 'a\\0b' > data.bin");
    const output = await commitChanges(commit('normal', { message: 'One\n\n# two' }), box);
    assert.match(String(output.commit), /^[0-9a-f]{40}$/);
    assert.deepEqual(
      { ...output, commit: '' },
      { commit: '', branch: 'main', files_changed: 3, insertions: 2, deletions: 1 },
    );
    const log = await box.sh('git -C normal log -1 --format="%an <%ae> %cn%n%B"');
    assert.equal(log.stdout, 'Boxswain <boxswain@localhost> Boxswain\nOne\n\n# two\n\n');
  });

  test('only named paths are committed when some are named', async () => {
    await box.sh('cd normal && echo 1 > one && echo 2 > two && echo 3 > "*"');
    const author = { authorName: 'Ada', authorEmail: 'ada@example.com' };
    assert.equal((await commitChanges(commit('normal', { add: ['*'], ...author }), box)).files_changed, 1);
    assert.equal(
      (await box.sh('git -C normal status --short; git -C normal log -1 --format=%an')).stdout,
      '?? one\n?? two\nAda\n',
    );
  });

  test('a clean tree has nothing to commit', async () => {
    await commitChanges(commit('normal'), box);
    assert.equal((await failure(commitChanges(commit('normal'), box))).code, 'NOTHING_TO_COMMIT');
  });

  test('what is no repository fails with what to do', async () => {
    const error = await failure(commitChanges(commit(''), box));
    assert.equal(error.code, 'GIT_FAILED');
    assert.match(error.message, /not a git repository/);
    assert.match(error.hint, /git init/);
  });

  test('a first commit can be made', async () => {
    await box.sh('git init -q -b trunk fresh && echo 1 > fresh/a');
    const output = await commitChanges(commit('fresh'), box);
    assert.equal(output.branch, 'trunk');
    assert.equal(output.files_changed, 1);
  });
});

describe('URLs of repositories', () => {
  const config = (more: object = {}): Config['sandbox'] =>
    configSchema.parse({ directory: 'x', sandbox: more }).sandbox;
  const code = (text: string, more: object = {}) => {
    try {
      repositoryUrl(text, config(more));
    } catch (error) {
      return error instanceof AppError ? error.code : String(error);
    }
    return 'ok';
  };

  test('only https to a listed host passes', () => {
    assert.equal(code('https://github.com/a/b.git'), 'ok');
    for (const text of ['https://evil.example/a', 'https://github.com:8443/a', 'https://github.com.evil.example/a']) {
      assert.equal(code(text), 'HOST_NOT_ALLOWED', text);
    }
    const forms = [
      'http://github.com/a',
      'ssh://git@github.com/a',
      'git@github.com:a/b',
      'ext::sh -c x',
      'file:///x',
      '/x',
    ];
    for (const text of [
      ...forms,
      'https://u:p@github.com/a',
      'https://github.com/a#b',
      'https://github.com/a b',
      '--x',
    ]) {
      assert.equal(code(text), 'VALIDATION_ERROR', text);
    }
  });

  test('http passes for private hosts of the operator, where it is allowed', () => {
    const privateHosts = { private_hosts: ['127.0.0.1:3000'] };
    assert.equal(code('http://127.0.0.1:3000/a.git', privateHosts), 'VALIDATION_ERROR');
    assert.equal(code('http://127.0.0.1:3000/a.git', { ...privateHosts, git: { allow_http: true } }), 'ok');
    assert.equal(
      code('http://127.0.0.1:3001/a.git', { ...privateHosts, git: { allow_http: true } }),
      'HOST_NOT_ALLOWED',
    );
  });

  test('the folder is named after the repository, and never leads anywhere', () => {
    const names = {
      'a/b.git': 'b',
      'a/b/': 'b',
      'a/b.git/': 'b',
      'a/%2e%2e%2fx': 'x',
      'a/-b': 'b',
      'a/ä': '-'.slice(1),
    };
    for (const [path, name] of Object.entries(names)) {
      const url = new URL(`https://github.com/${path}`);
      if (name === '') assert.throws(() => repositoryName(url), { code: 'VALIDATION_ERROR' });
      else assert.equal(repositoryName(url), name);
    }
  });
});

test('changes are counted from git; binary files have no lines', () => {
  const numstat = '2\t0\tnew.txt\0-\t-\tdata.bin\u00001\t3\todd\tname\n\0';
  assert.deepEqual(countChanges(numstat), { files_changed: 3, insertions: 3, deletions: 3 });
});
