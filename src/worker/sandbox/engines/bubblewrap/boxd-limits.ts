import type { Limits } from '../../../../protocol/workspace-spec.ts';
import type { Hello } from '../../boxd/boxd-client.ts';
import type { EngineReport } from '../../engine.ts';

const MIB = 1024 * 1024;

/** Limits that the engine does not enforce by itself are boxd's to keep, as well as it can: for each program, not for the box. */
export function boxdLimits({ limits: enforced }: EngineReport, limits: Limits): Hello {
  const hasNoGroups = enforced.cpus !== 'hard';
  const isDiskSoft = enforced.disk_mb !== 'hard';
  return {
    limits: {
      // Pools are sized by the processors that can be seen.
      cpus: Math.ceil(limits.cpus),
      memoryBytes: enforced.memory_mb === 'hard' ? undefined : limits.memory_mb * MIB,
      processes: hasNoGroups ? limits.pids : undefined,
      fileBytes: isDiskSoft ? limits.disk_mb * MIB : undefined,
    },
    diskBytes: isDiskSoft ? limits.disk_mb * MIB : undefined,
  };
}
