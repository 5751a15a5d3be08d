import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttackReport } from '../cli/doctor.ts';
import { AppError } from '../errors/app-error.ts';
import { createEngine } from '../parts.ts';
import { runAttacks } from '../worker/sandbox/attack/run-attacks.ts';
import type { Subject } from './checks.ts';

/** Tries every known way out of a box, in a directory of its own. */
export async function runAttacksOn({ config, log }: Subject): Promise<AttackReport> {
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-attack-'));
  // The users of boxes must be able to pass through it.
  await chmod(directory, 0o711);
  try {
    const engine = createEngine({ ...config, sandbox: { ...config.sandbox, directory } }, log);
    const report = await engine.probe();
    if (!report.works) {
      throw new AppError('CAPABILITY_UNSUPPORTED', 'no sandbox engine works here, so there is nothing to attack', {
        hint: report.remedy,
      });
    }
    const { name, versions, stale } = report;
    return { engine: { name, versions, stale }, attempts: await runAttacks({ engine, directory, log }) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
