import type { Duplex } from 'node:stream';
import type { Box, BoxExit, BoxExitKind, BoxStats } from '../../engine.ts';
import type { Cgroup } from './cgroup.ts';
import { killQuietly } from './cgroup-files.ts';
import type { Launched } from './launch.ts';

export interface BoxParts {
  readonly id: string;
  readonly launched: Launched;
  readonly cgroup: Cgroup | undefined;
  /** Removes what is on disk about the box. */
  forget(): Promise<void>;
}

const NO_STATS: BoxStats = { memoryBytes: 0, cpuMs: 0, oomKills: 0, pidsRefused: 0 };

export class BubblewrapBox implements Box {
  readonly id: string;
  readonly channel: Duplex;
  readonly exited: Promise<BoxExit>;
  readonly #parts: BoxParts;
  #wanted: BoxExitKind | undefined;

  constructor(parts: BoxParts) {
    this.id = parts.id;
    this.channel = parts.launched.channel;
    this.#parts = parts;
    this.exited = this.#watch();
  }

  async stats(): Promise<BoxStats> {
    return this.#parts.cgroup ? this.#parts.cgroup.stats() : NO_STATS;
  }

  async destroy(reason: BoxExitKind): Promise<void> {
    this.#wanted ??= reason;
    this.#kill();
    await this.exited;
  }

  /** Killing the first process of a process namespace ends every other in it, whatever they do. */
  #kill(): void {
    const { child, firstPid } = this.#parts.launched;
    if (child.exitCode === null && child.signalCode === null) killQuietly(firstPid);
  }

  async #watch(): Promise<BoxExit> {
    const { launched, cgroup, forget } = this.#parts;
    const { child } = launched;
    await new Promise<void>(resolve => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    this.channel.destroy();
    const stats = await this.stats().catch(() => NO_STATS);
    await cgroup?.remove();
    await forget();
    return this.#exitOf(stats);
  }

  #exitOf({ oomKills }: BoxStats): BoxExit {
    if (this.#wanted !== undefined) return { kind: this.#wanted, detail: 'destroyed' };
    if (oomKills > 0) return { kind: 'oom', detail: 'the memory limit took the box itself' };
    const code = this.#parts.launched.exitCode();
    if (code !== undefined) return { kind: 'killed', detail: 'boxd' };
    const { signalCode, exitCode } = this.#parts.launched.child;
    if (signalCode === 'SIGKILL' || exitCode === 137) return { kind: 'killed', detail: 'box' };
    return { kind: 'engine_lost', detail: this.#parts.launched.stderr() || 'the launcher ended' };
  }
}
