import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serveLocally } from './local-server.ts';

/** Repositories over smart HTTP on loopback. */
export interface GitServer {
  /** `normal.git` has branches `main` and `other` and three commits; `hostile.git` tries to run programs; `empty.git` is empty. */
  url(repository: 'normal.git' | 'hostile.git' | 'empty.git'): string;
  /** The newest commit of `main` in normal.git. */
  readonly commit: string;
  close(): Promise<void>;
}

const run = promisify(execFile);
const AUTHOR = {
  GIT_AUTHOR_NAME: 'F',
  GIT_AUTHOR_EMAIL: 'f@example.com',
  GIT_COMMITTER_NAME: 'F',
  GIT_COMMITTER_EMAIL: 'f@example.com',
};
const ENV = { PATH: '/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...AUTHOR };

export async function startGitServer(): Promise<GitServer> {
  const root = await mkdtemp(join(tmpdir(), 'git-server-'));
  const commit = await makeNormal(root);
  await makeHostile(root);
  await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', 'empty.git');
  const server = await serveLocally((request, reply) => {
    serve(root, request, reply).catch((error: unknown) => reply.destroy(error instanceof Error ? error : undefined));
  });
  return {
    url: repository => `${server.origin}/${repository}`,
    commit,
    async close() {
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  return (await run('git', args, { cwd, env: ENV })).stdout.trim();
}

async function commitAll(cwd: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), text);
  }
  await git(cwd, 'add', '--all');
  await git(cwd, 'commit', '--quiet', '-m', 'A commit');
}

async function makeNormal(root: string): Promise<string> {
  const work = join(root, 'normal');
  await git(root, 'init', '--quiet', '--initial-branch=main', work);
  await commitAll(work, { 'README.md': 'hello\n' });
  await git(work, 'branch', 'other');
  await commitAll(work, { 'src/a.py': 'x = 1\n' });
  await commitAll(work, { 'src/b.py': 'y = 2\n' });
  await git(root, 'clone', '--quiet', '--bare', work, 'normal.git');
  return git(work, 'rev-parse', 'main');
}

/** What a repository can bring along: filters by attribute, a submodule, files that look like hooks and configuration. */
async function makeHostile(root: string): Promise<void> {
  const work = join(root, 'hostile');
  await git(root, 'init', '--quiet', '--initial-branch=main', work);
  const hook = '#!/bin/sh\ntouch /workspace/PWNED\n';
  await commitAll(work, {
    '.gitattributes': '* filter=evil diff=evil\n*.bin filter=lfs\n',
    '.githooks/post-checkout': hook,
    '.gitmodules':
      '[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c touch% /workspace/PWNED\n\tupdate = !touch /workspace/PWNED\n',
    '.lfsconfig': '[lfs]\n\turl = http://evil.example/\n',
    'README.md': 'hostile\n',
    'data.bin': 'version https://git-lfs.github.com/spec/v1\n',
  });
  const head = await git(work, 'rev-parse', 'HEAD');
  await git(work, 'update-index', '--add', '--cacheinfo', `160000,${head},evil`);
  await git(work, 'commit', '--quiet', '-m', 'A submodule');
  await git(root, 'clone', '--quiet', '--bare', work, 'hostile.git');
  await writeFile(join(root, 'hostile.git/hooks/post-checkout'), hook);
  await chmod(join(root, 'hostile.git/hooks/post-checkout'), 0o755);
}

/** One request to `git http-backend`, which speaks CGI. */
async function serve(root: string, request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const header = (name: string) => String(request.headers[name] ?? '');
  const child = spawn('git', ['http-backend'], {
    env: {
      ...ENV,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      GIT_PROTOCOL: header('git-protocol'),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
  await once(child, 'close');
  const answer = Buffer.concat(parts);
  const end = answer.indexOf('\r\n\r\n');
  for (const line of answer.subarray(0, end).toString('latin1').split('\r\n')) {
    const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    if (name === 'Status') reply.statusCode = Number.parseInt(value, 10);
    else if (name !== '') reply.setHeader(name, value);
  }
  reply.end(answer.subarray(end + 4));
}
