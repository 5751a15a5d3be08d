import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { newId } from '../../../../ids/ids.ts';
import type { Log } from '../../../../log/log.ts';
import type { Enforcement, LimitName } from '../../../../protocol/workspace-spec.ts';
import type { EngineReport } from '../../engine.ts';
import { createStorageRoom, mayMountImages } from '../../storage.ts';
import { newTemporaryId } from '../../temporary-storage.ts';
import { killQuietly, removeGroup } from './cgroup-files.ts';
import { ended, launch } from './launch.ts';
import type { EngineParts } from './engine.ts';
import type { BoxRegistry } from './registry.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const PROBE_MEMORY = 64 * MIB;
const PROBE_PROCESSES = 16;
const TIMEOUT_MS = 20_000;
const KILLED = 137;

interface Probing {
  readonly directory: string;
  readonly parts: () => Promise<EngineParts>;
  readonly registry: BoxRegistry;
  readonly log: Log;
}

const NOTHING: Record<LimitName, Enforcement> = {
  memory_mb: 'none',
  cpus: 'none',
  pids: 'none',
  disk_mb: 'none',
  wall_seconds: 'none',
  output_mb: 'none',
};

/** Launches boxes for real: one that does nothing, one that takes too much memory, one that starts too many processes. */
export async function probeBubblewrap(probing: Probing): Promise<EngineReport> {
  const { directory, log } = probing;
  const base = { name: 'bubblewrap', versions: {}, stale: [], isolation: 'none', limits: NOTHING } as const;
  const missing = missingPart();
  if (missing) return { ...base, works: false, remedy: missing };
  const versions = await versionsOf();
  const closed = await closedFolder(directory);
  if (closed) {
    const remedy = `boxes run as other users, who cannot pass through ${closed}: chmod o+x ${closed}, or choose another --directory`;
    return { ...base, versions, works: false, remedy };
  }
  let said = '';
  // Root may lack the right to mount, as in most containers; only a try tells.
  for (const mountsImages of mayMountImages() ? [true, false] : [false]) {
    try {
      const limits = await measure(probing, mountsImages);
      const stale = await staleParts(versions.bubblewrap ?? '');
      return { name: 'bubblewrap', works: true, versions, stale, isolation: 'namespaces', limits };
    } catch (error) {
      said = error instanceof Error ? error.message : String(error);
      log.debug({ err: error, mountsImages }, 'a probe of bubblewrap failed');
    }
  }
  return { ...base, versions, works: false, remedy: remedyFor(said) };
}

/** Throws when no box can be launched with storage of this kind. */
async function measure(
  { directory, parts, registry, log }: Probing,
  mountsImages: boolean,
): Promise<EngineReport['limits']> {
  const room = createStorageRoom({ directory, log, mountsImages });
  const [id, storageId] = [newId('box'), await newTemporaryId('probe')];
  const { runtime, cgroups } = await parts();
  const groups = cgroups?.foldersOf(id) ?? [];
  await registry.add(id, { pids: [], groups });
  try {
    const storage = await room.create(storageId, { diskMb: 16 });
    const attempt = async (program: string, limits?: { memoryBytes: number; processes: number }) => {
      const command = ['/usr/bin/python3', '-I', '-c', program];
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const plan = { runtime, storage, isImage: mountsImages, tmpBytes: MIB, shmBytes: MIB, command };
      const launched = await launch(plan, signal);
      const end = (): void => killQuietly(launched.firstPid);
      signal.addEventListener('abort', end, { once: true });
      try {
        if (limits) await (await cgroups?.create(id, { ...limits, cpus: 1 }))?.add(launched.firstPid);
        launched.release();
        return { code: await ended(launched), said: launched.stderr() };
      } finally {
        signal.removeEventListener('abort', end);
        if (launched.child.exitCode === null && launched.child.signalCode === null) end();
        for (const group of groups) await removeGroup(group);
      }
    };
    const plain = await attempt('pass');
    if (plain.code !== 0) throw new Error(plain.said);
    const hog = await attempt('x = bytearray(200 << 20)', { memoryBytes: PROBE_MEMORY, processes: 64 });
    const bomb = await attempt(cgroups === undefined ? `${OWN_LIMIT}${FORKS}` : FORKS, {
      memoryBytes: 4 * PROBE_MEMORY,
      processes: PROBE_PROCESSES,
    });
    return {
      memory_mb: cgroups !== undefined && hog.code === KILLED ? 'hard' : 'soft',
      pids: bomb.code === 0 ? 'hard' : 'soft',
      cpus: cgroups === undefined ? 'soft' : 'hard',
      disk_mb: mountsImages ? 'hard' : 'soft',
      wall_seconds: 'hard',
      output_mb: 'hard',
    };
  } finally {
    await room.remove(storageId);
    await registry.remove(id);
  }
}

/**
 * Without a group the kernel counts by user and user namespace. Kernels that count every process of the user, in the box or not,
 * refuse too early.
 */
const OWN_LIMIT = `
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (${PROBE_PROCESSES}, ${PROBE_PROCESSES}))
`;

/** Exits 0 when it was stopped from starting more processes than the limit and the headroom, and not long before. */
const FORKS = `
import os, time
for n in range(64):
    try:
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)
    except OSError:
        os._exit(0 if ${PROBE_PROCESSES / 2} <= n < ${2 * PROBE_PROCESSES} else 1)
os._exit(1)
`;

function missingPart(): string | undefined {
  if (process.platform !== 'linux') return 'sandboxes need Linux; connect to a hub on a Linux machine';
  if (process.arch !== 'x64') return `there is no system call filter for ${process.arch}; run the worker on x86-64`;
  const packages = [
    ['/usr/bin/bwrap', 'bubblewrap'],
    ['/usr/bin/python3', 'python3'],
    ['/usr/bin/setpriv', 'util-linux'],
  ].flatMap(([path = '', name = '']) => (existsSync(path) ? [] : [name]));
  return packages.length === 0
    ? undefined
    : `apt-get install ${packages.join(' ')} (or your distribution's equivalent)`;
}

/** As root every box has a user of its own, who must be able to reach its files. */
async function closedFolder(directory: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (let folder = resolve(directory); folder !== dirname(folder); folder = dirname(folder)) {
    const mode = (await stat(folder).catch(() => undefined))?.mode;
    if (mode !== undefined && (mode & 0o001) === 0) return folder;
  }
  return undefined;
}

function remedyFor(said: string): string {
  if (/namespace|Operation not permitted|Permission denied/i.test(said)) {
    return 'allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0';
  }
  return 'run boxswain doctor --log-level debug and read what bubblewrap said';
}

async function versionsOf(): Promise<Record<string, string>> {
  const { stdout } = await run('/usr/bin/bwrap', ['--version']);
  return { bubblewrap: stdout.trim().replace('bubblewrap ', ''), kernel: release() };
}

async function staleParts(bubblewrap: string): Promise<string[]> {
  const [major = 0, minor = 0] = bubblewrap.split('.').map(Number);
  const stale: string[] = [];
  if (major === 0 && minor < 12) {
    stale.push(
      `bubblewrap ${bubblewrap} follows links in mount points (CVE-2026-87766); Boxswain mounts nothing where a box can write`,
    );
  }
  const built = /\b(20\d\d)\b/.exec(await readFile('/proc/version', 'utf8').catch(() => ''))?.[1];
  if (built && Number(built) < new Date().getFullYear() - 1) stale.push(`the kernel was built in ${built}`);
  return stale;
}
