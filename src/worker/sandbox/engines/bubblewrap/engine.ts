import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { BoxSpec, EngineReport, SandboxEngine } from '../../engine.ts';
import { boxdCommand } from './argv.ts';
import { BubblewrapBox } from './box.ts';
import { killQuietly } from './cgroup-files.ts';
import { type Cgroup, type CgroupBackend, openCgroups } from './cgroup.ts';
import { launch } from './launch.ts';
import { endOrphans } from './orphans.ts';
import { probeBubblewrap } from './probe.ts';
import { BoxRegistry } from './registry.ts';
import { prepareRuntime, removeDeadRuntimes, type Runtime } from './runtime.ts';

const MIB = 1024 * 1024;

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
  const registry = new BoxRegistry(join(directory, 'boxes'));
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
      await registry.add(spec.id, []);
      const cgroup = await cgroups?.create(spec.id, {
        memoryBytes: spec.limits.memory_mb * MIB,
        processes: spec.limits.pids,
        cpus: spec.limits.cpus,
      });
      try {
        return await startBox({ spec, runtime, cgroup, registry, signal, log });
      } catch (error) {
        await cgroup?.remove();
        await registry.remove(spec.id);
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
      const boxes = await registry.reap(cgroups);
      const orphans = await endOrphans(directory);
      return [...boxes, ...(orphans > 0 ? [`${orphans} launchers`] : []), ...(await removeDeadRuntimes(directory))];
    },
    close: async () => {
      if (parts) await rm(dirname((await parts).runtime.etc), { recursive: true, force: true });
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
  registry: BoxRegistry;
  signal: AbortSignal;
  log: Log;
}

async function startBox({ spec, runtime, cgroup, registry, signal, log }: Starting): Promise<BubblewrapBox> {
  const launched = await launch(
    {
      runtime,
      storage: spec.storage,
      isImage: existsSync(join(spec.storage.directory, 'disk.img')),
      egressSocket: spec.egressSocket,
      tmpBytes: Math.max(64 * MIB, Math.floor((spec.limits.memory_mb * MIB) / 2)),
      shmBytes: 64 * MIB,
      command: boxdCommand,
    },
    signal,
  );
  try {
    await cgroup?.add(launched.firstPid);
    await registry.add(spec.id, [launched.child.pid ?? 0, launched.firstPid]);
  } catch (error) {
    killQuietly(launched.firstPid);
    throw error;
  }
  const clean = async (): Promise<void> => {
    try {
      await cgroup?.remove();
      await registry.remove(spec.id);
    } catch (error) {
      log.error({ err: error, box: spec.id }, 'something of a box was left behind; the next start removes it');
    }
  };
  const box = new BubblewrapBox({ id: spec.id, launched, cgroup, clean });
  launched.release();
  return box;
}
