import { after } from 'node:test';
import { startGitServer } from '../../support/git-server.ts';
import { startPackageIndex } from '../../support/package-index.ts';

/** What verifications install and clone from: the same for all files of one process, which so can share a server. */
export const index = await startPackageIndex();
export const git = await startGitServer();
after(async () => {
  await index.close();
  await git.close();
});

/** The settings of a server that reaches them. */
export const upstreamEnv: Readonly<Record<string, string>> = {
  BOXSWAIN_SANDBOX_PYTHON_INDEX_URLS: index.url,
  BOXSWAIN_SANDBOX_PRIVATE_HOSTS: [index.url, git.url('normal.git')].map(url => new URL(url).host).join(','),
  BOXSWAIN_SANDBOX_GIT_HOSTS: new URL(git.url('normal.git')).hostname,
  BOXSWAIN_SANDBOX_GIT_ALLOW_HTTP: 'true',
};
