import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../log/log.ts';
import type { Limits } from '../../../protocol/workspace-spec.ts';
import type { SandboxEngine } from '../engine.ts';
import { makeSocketFolder } from '../socket-folder.ts';
import { createStorageRoom } from '../storage.ts';
import { type Attack, breach, type Stage, type Verdict } from './attack.ts';
import { bombAttacks } from './bombs.ts';
import { fileAttacks } from './files.ts';
import { layLure, type Lure } from './lure.ts';
import { machineAttacks } from './machine.ts';
import { networkAttacks } from './network.ts';
import { type OpenedStage, openStage, type StageParts } from './open-stage.ts';
import { systemCallAttacks } from './system-calls.ts';
import { tamperingAttacks } from './tampering.ts';
import { within } from './within.ts';

export interface AttackResult {
  readonly name: string;
  readonly held: boolean;
  readonly detail: string;
}

/** Small, so that taking all of it is soon done. */
const LIMITS: Limits = { memory_mb: 256, cpus: 1, pids: 48, disk_mb: 48, wall_seconds: 60, output_mb: 4 };
const LONGEST_MS = 90_000;

/** Every known way out of a box. Those that need the network are about the servers of the lure. */
export const allAttacks = (lure: Lure): readonly Attack[] => [
  ...systemCallAttacks,
  ...machineAttacks,
  ...networkAttacks(lure),
  ...fileAttacks,
  ...tamperingAttacks,
  ...bombAttacks,
];

/**
 * Tries every known way out of the engine's boxes, one after another. Storage and boxes are made below `directory`, which the
 * users of boxes must be able to pass through, and are removed. Never rejects for an attack: one that could not be made is not held.
 */
export async function runAttacks({
  engine,
  directory,
  log,
}: {
  engine: SandboxEngine;
  directory: string;
  log: Log;
}): Promise<AttackResult[]> {
  const report = await engine.probe();
  const work = join(directory, 'attack');
  const outside = join(work, 'outside');
  await mkdir(work, { recursive: true, mode: 0o711 });
  // Whoever a box runs as may write here, so that nothing but the box itself keeps it from doing so.
  await mkdir(outside, { recursive: true });
  await chmod(outside, 0o777);
  const sockets = await makeSocketFolder();
  const egressSocket = join(sockets, 'e.sock');
  const lure = await layLure(egressSocket);
  const room = createStorageRoom({ directory, log, mountsImages: report.limits.disk_mb === 'hard' });
  try {
    return await attackAll(allAttacks(lure), { engine, report, room, limits: LIMITS, outside, egressSocket, log });
  } finally {
    await lure.close();
    await rm(sockets, { recursive: true, force: true });
    await rm(work, { recursive: true, force: true });
  }
}

async function attackAll(attacks: readonly Attack[], parts: StageParts & { log: Log }): Promise<AttackResult[]> {
  const results: AttackResult[] = [];
  let stage: OpenedStage | undefined;
  for (const attack of attacks) {
    stage ??= await openStage(parts);
    parts.log.debug({ attack: attack.name, tries: attack.tries }, 'attacking a box');
    const { held, detail } = await judge(attack, stage);
    results.push({ name: attack.name, held, detail });
    if (attack.spoilsBox || !held) {
      await stage.close();
      stage = undefined;
    }
  }
  await stage?.close();
  return results;
}

/** One attack's verdict; an attempt that fails by itself, or does not end, has proved nothing. */
export async function judge(attack: Attack, stage: Stage, longestMs: number = LONGEST_MS): Promise<Verdict> {
  try {
    return await within(longestMs, attack.attempt(stage));
  } catch (error) {
    return breach(`the attempt failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
