import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessThere, processNameOf } from '../../../../ids/process-name.ts';
import type { Log } from '../../../../log/log.ts';
import { stageBoxd } from '../../boxd/boxd-package.ts';
import { makeFile, makeFolder, makePassable } from '../../modes.ts';
import { launcherMark } from './orphans.ts';
import { seccompFilter } from './seccomp.ts';

/** What every box of this process is given read-only. */
export interface Runtime {
  /** Becomes `/etc`: our own few files, and empty mount points. */
  readonly etc: string;
  readonly boxd: string;
  /** File with the system call filter; opened anew for every launch, because the offset would be shared. */
  readonly filter: string;
  /** Names below `/etc` that are bound from the host. */
  readonly hostEtc: readonly string[];
  /** Stands in the command of every launcher of this directory. */
  readonly mark: string;
}

const HOST_ETC_FOLDERS = ['ssl', 'alternatives'];
const HOST_ETC_FILES = ['ld.so.cache'];

const files: Record<string, string> = {
  passwd:
    'root:x:0:0:root:/root:/usr/sbin/nologin\nbox:x:1000:1000:box:/workspace:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nbox:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost box\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

const OURS = /^runtime-(\d+)-(\d+)-/;

/** Removes the runtimes of processes that are gone; answers their names. */
export async function removeDeadRuntimes(directory: string, log: Log): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    const [, pid, startTime = ''] = OURS.exec(name) ?? [];
    if (pid === undefined || (await isProcessThere({ pid: Number(pid), startTime }))) continue;
    try {
      await rm(join(directory, name), { recursive: true, force: true });
      removed.push(name);
    } catch (error) {
      log.error({ err: error, name }, 'what a worker that crashed had left could not be removed');
    }
  }
  return removed;
}

/** Writes the runtime below `directory`; removing it is the caller's. */
export async function prepareRuntime(directory: string): Promise<Runtime> {
  await makePassable(directory);
  const { pid, startTime } = await processNameOf(process.pid);
  const root = await mkdtemp(join(directory, `runtime-${pid}-${startTime}-`));
  await chmod(root, 0o711);
  const etc = join(root, 'etc');
  await makeFolder(etc, 0o755);
  for (const [name, text] of Object.entries(files)) await makeFile(join(etc, name), { data: text, mode: 0o644 });
  const hostEtc = [...HOST_ETC_FOLDERS, ...HOST_ETC_FILES].filter(name => existsSync(join('/etc', name)));
  for (const name of hostEtc) {
    if (HOST_ETC_FOLDERS.includes(name)) await makeFolder(join(etc, name), 0o755);
    else await makeFile(join(etc, name), { data: '', mode: 0o644 });
  }
  const filter = join(root, 'filter.bpf');
  await makeFile(filter, { data: seccompFilter(), mode: 0o444 });
  return { etc, boxd: await stageBoxd(root), filter, hostEtc, mark: launcherMark(directory) };
}
