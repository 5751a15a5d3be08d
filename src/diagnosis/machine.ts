import { access, constants, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Check } from '../cli/doctor.ts';
import { connectSocket } from '../cli/socket-client.ts';
import type { Config } from '../config/config.ts';
import { createEngine } from '../parts.ts';
import type { EngineReport } from '../worker/sandbox/engine.ts';
import type { Subject } from './checks.ts';

const LOW_DISK_BYTES = 1024 ** 3;

/** What boxes need on this machine: an engine that works, and programs. */
export async function boxChecks({ config, log }: Subject): Promise<Check[]> {
  const report = await createEngine(config, log).probe();
  return [
    ...engineChecks(report),
    await programCheck({ name: 'git', path: '/usr/bin/git', use: 'git_clone and git_commit' }),
    await programCheck({
      name: 'pip',
      path: '/usr/bin/pip3',
      use: 'pkg_install for Python',
      debian: 'python3-pip python3-venv',
    }),
    await programCheck({ name: 'npm', path: '/usr/bin/npm', use: 'pkg_install for Node' }),
  ];
}

export function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isEnough = major > 22 || (major === 22 && minor >= 13);
  return { name: 'Node', state: isEnough ? 'ok' : 'fail', detail: process.version, fix: 'install Node 22.13 or newer' };
}

export async function directoryCheck(directory: string): Promise<Check> {
  const name = 'directory';
  try {
    await access(directory, constants.W_OK);
  } catch {
    return {
      name,
      state: 'warn',
      detail: `${directory} is not there yet or not writable`,
      fix: 'boxswain serve creates it; or set BOXSWAIN_DIRECTORY',
    };
  }
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const detail = `${directory}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return { name, state: free < LOW_DISK_BYTES ? 'warn' : 'ok', detail, fix: 'free some disk space' };
}

export async function portCheck(config: Config): Promise<Check> {
  const name = 'port';
  const running = await connectSocket(join(config.directory, 'hub.sock')).catch(() => undefined);
  if (running) return { name, state: 'ok', detail: 'a hub of this directory is running' };
  const { host, port } = config.http;
  const isFree = await new Promise<boolean>(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
  const detail = isFree ? `${host}:${port} is free` : `${host}:${port} is taken by another program`;
  return { name, state: isFree ? 'ok' : 'warn', detail, fix: `boxswain serve --port ${port + 1}` };
}

function engineChecks(report: EngineReport): Check[] {
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const engine: Check = {
    name: `engine ${report.name}`,
    state: report.works ? 'ok' : 'fail',
    detail: report.works ? `${versions.join(', ')}; isolation: ${report.isolation}` : 'does not work here',
    fix: report.remedy,
  };
  if (!report.works) return [engine];
  const limits = Object.entries(report.limits).map(
    ([name, enforcement]): Check => ({
      name: `limit ${name}`,
      state: enforcement === 'none' ? 'warn' : 'ok',
      detail: enforcement,
      fix: 'run as root, or with a delegated cgroup, for hard limits',
    }),
  );
  const age = report.stale.map(
    (detail): Check => ({
      name: 'age',
      state: 'warn',
      detail,
      fix: 'update it when your distribution has a newer one',
    }),
  );
  return [engine, ...limits, ...age];
}

interface Program {
  name: string;
  path: string;
  use: string;
  debian?: string;
}

async function programCheck({ name, path, use, debian = name }: Program): Promise<Check> {
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return { name, state: 'ok', detail: path };
  return {
    name,
    state: 'warn',
    detail: `not there: ${use} will answer TOOL_NOT_INSTALLED`,
    fix: `apt-get install ${debian}`,
  };
}
