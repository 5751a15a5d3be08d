import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { BoxSpec, EngineReport, SandboxEngine } from '../../engine.ts';
import { boxdCommand } from './argv.ts';
import { BubblewrapBox } from './box.ts';
import { removeAbandonedGroups } from './abandoned-groups.ts';
import { killQuietly, removeGroup } from './cgroup-files.ts';
import { type Cgroup, type CgroupBackend, openCgroups } from './cgroup.ts';
import { ended, launch } from './launch.ts';
import { endLauncher, endOrphans } from './orphans.ts';
import { probeBubblewrap } from './probe.ts';
import { BoxRegistry } from './registry.ts';
import { prepareRuntime, removeDeadRuntimes, type Runtime } from './runtime.ts';

const MIB = 1024 * 1024;
/** For a launcher whose box is gone to say why. */
const LAST_WORDS_MS = 1_000;

/** What launches share: made once, at the first need. */
export interface EngineParts {
  readonly runtime: Runtime;
  readonly cgroups: CgroupBackend | undefined;
}

/** Boxes made of namespaces by bubblewrap. `directory` keeps what is needed beside workspaces' storage. */
export function createBubblewrapEngine({
  directory,
  log,
}: {
  directory: string;
  log: Log;
}): SandboxEngine & { close(): Promise<void> } {
  const registry = new BoxRegistry(join(directory, 'boxes'), log);
  let parts: Promise<EngineParts> | undefined;
  let report: Promise<EngineReport> | undefined;
  const ready = (): Promise<EngineParts> => {
    parts ??= prepareParts(directory);
    return parts;
  };
  return {
    name: 'bubblewrap',
    probe: () => {
      report ??= probeBubblewrap({ directory, parts: ready, registry, log });
      return report;
    },
    async create(spec, signal) {
      const { runtime, cgroups } = await ready();
      const groups = cgroups?.foldersOf(spec.id) ?? [];
      const clean = async (): Promise<void> => {
        try {
          for (const group of groups) await removeGroup(group);
          await registry.remove(spec.id);
        } catch (error) {
          log.error({ err: error, box: spec.id }, 'something of a box was left behind; the next start removes it');
        }
      };
      try {
        await registry.add(spec.id, { pids: [], groups });
        const cgroup = await cgroups?.create(spec.id, {
          memoryBytes: spec.limits.memory_mb * MIB,
          processes: spec.limits.pids,
          cpus: spec.limits.cpus,
        });
        return await startBox({ spec, runtime, cgroup, groups, clean, registry, signal });
      } catch (error) {
        await clean();
        if (signal.aborted) throw error;
        log.error({ err: error, box: spec.id }, 'a box could not be started');
        throw new AppError('SANDBOX_DIED', 'the sandbox could not be started', {
          cause: error,
          hint: 'call again; if it fails again, run boxswain doctor',
          details: { reason: 'engine_lost' },
        });
      }
    },
    reap: async () => {
      const { cgroups } = await ready();
      const { removed, living } = await registry.reap();
      const groups = await removeAbandonedGroups(cgroups?.parents ?? [], { living });
      const orphans = await endOrphans(directory);
      return [
        ...removed,
        ...groups.map(name => `groups of ${name}`),
        ...(orphans > 0 ? [`${orphans} launchers`] : []),
        ...(await removeDeadRuntimes(directory, log)),
      ];
    },
    close: async () => {
      if (!parts) return;
      const { runtime, cgroups } = await parts;
      await rm(dirname(runtime.etc), { recursive: true, force: true });
      await cgroups?.close();
    },
  };
}

async function prepareParts(directory: string): Promise<EngineParts> {
  const [runtime, cgroups] = await Promise.all([prepareRuntime(directory), openCgroups()]);
  return { runtime, cgroups };
}

interface Starting {
  spec: BoxSpec;
  runtime: Runtime;
  cgroup: Cgroup | undefined;
  groups: readonly string[];
  registry: BoxRegistry;
  signal: AbortSignal;
  /** Removes what is left of the box once it is gone; never rejects. */
  clean(): Promise<void>;
}

async function startBox({ spec, runtime, cgroup, groups, clean, registry, signal }: Starting): Promise<BubblewrapBox> {
  const launched = await launch(
    {
      runtime,
      storage: spec.storage,
      isImage: existsSync(join(spec.storage.directory, 'disk.img')),
      egressSocket: spec.egressSocket,
      mounts: spec.mounts,
      tmpBytes: Math.max(64 * MIB, Math.floor((spec.limits.memory_mb * MIB) / 2)),
      shmBytes: 64 * MIB,
      command: boxdCommand,
    },
    signal,
  );
  try {
    await cgroup?.add(launched.firstPid);
    await registry.add(spec.id, { pids: [launched.child.pid ?? 0, launched.firstPid], groups });
  } catch (error) {
    killQuietly(launched.firstPid);
    // It ends at once, unless its second half waits for a first half that is gone.
    await Promise.race([ended(launched), delay(LAST_WORDS_MS, undefined, { ref: false })]);
    await endLauncher(launched.child.pid ?? 0);
    // Why there is no process any more is known to the launcher only.
    throw launched.stderr() === '' ? error : new Error(`the launcher said: ${launched.stderr()}`, { cause: error });
  }
  const box = new BubblewrapBox({ id: spec.id, launched, cgroup, clean });
  launched.release();
  return box;
}
