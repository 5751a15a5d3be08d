import type { Duplex } from 'node:stream';
import type { Box, BoxExit, BoxExitKind, BoxStats } from '../../engine.ts';
import type { Cgroup } from './cgroup.ts';
import { killQuietly } from './cgroup-files.ts';
import type { Launched } from './launch.ts';
import { signalTree } from './process-tree.ts';

export interface BoxParts {
  readonly id: string;
  readonly launched: Launched;
  readonly cgroup: Cgroup | undefined;
  /** Removes what else is left of the box once it is gone; never rejects. */
  clean(): Promise<void>;
}

const NO_STATS: BoxStats = { memoryBytes: 0, cpuMs: 0, oomKills: 0, pidsRefused: 0 };

export class BubblewrapBox implements Box {
  readonly id: string;
  readonly channel: Duplex;
  readonly lanes: readonly Duplex[];
  readonly exited: Promise<BoxExit>;
  readonly #parts: BoxParts;
  #wanted: BoxExitKind | undefined;
  /** As last seen: what rose after that came with the end of the box. */
  #oomKills = 0;
  #freezing: Promise<void> = Promise.resolve();

  constructor(parts: BoxParts) {
    this.id = parts.id;
    this.channel = parts.launched.channel;
    this.lanes = parts.launched.lanes;
    this.#parts = parts;
    this.exited = this.#watch();
  }

  async stats(): Promise<BoxStats> {
    const stats = (await this.#parts.cgroup?.stats()) ?? NO_STATS;
    this.#oomKills = stats.oomKills;
    return stats;
  }

  /** One after another, so that the last word is what holds. */
  freeze(isFrozen: boolean): Promise<void> {
    const { child, firstPid } = this.#parts.launched;
    this.#freezing = this.#freezing.then(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await signalTree(firstPid, isFrozen ? 'SIGSTOP' : 'SIGCONT');
    });
    return this.#freezing;
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
    const { launched, clean } = this.#parts;
    const { child } = launched;
    await new Promise<void>(resolve => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    await launched.statusRead();
    for (const stream of [this.channel, ...this.lanes]) stream.destroy();
    const oomBefore = this.#oomKills;
    const { oomKills } = await this.stats().catch(() => NO_STATS);
    await clean();
    return this.#exitOf({ tookBox: oomKills > oomBefore });
  }

  #exitOf({ tookBox }: { tookBox: boolean }): BoxExit {
    if (this.#wanted !== undefined) return { kind: this.#wanted, detail: 'destroyed' };
    if (tookBox) return { kind: 'oom', detail: 'the memory limit took the box itself' };
    const code = this.#parts.launched.exitCode();
    if (code !== undefined) return { kind: 'killed', detail: 'boxd' };
    const { signalCode, exitCode } = this.#parts.launched.child;
    if (signalCode === 'SIGKILL' || exitCode === 137) return { kind: 'killed', detail: 'box' };
    return { kind: 'engine_lost', detail: this.#parts.launched.stderr() || 'the launcher ended' };
  }
}
