import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { newId } from '../../ids/ids.ts';
import type { Log } from '../../log/log.ts';
import type { HostRule, Limits } from '../../protocol/workspace-spec.ts';
import type { HousedBox } from './box-keeper.ts';
import { connectBoxd } from './boxd/boxd-client.ts';
import { type Egress, startEgress } from './egress/egress.ts';
import type { EgressWitness } from './egress-witness.ts';
import { boxdLimits } from './engines/bubblewrap/boxd-limits.ts';
import type { BoxStorage, EngineReport, ReadOnlyMount, SandboxEngine } from './engine.ts';

export interface BoxBuilderParts {
  readonly engine: SandboxEngine;
  readonly report: EngineReport;
  readonly config: Config;
  readonly log: Log;
  /** Where the proxies' sockets lie; a short path. */
  readonly sockets: string;
  /** What a box that is made now may read besides. */
  readonly mounts?: () => Promise<readonly ReadOnlyMount[]>;
}

export interface BoxPlan {
  readonly storage: BoxStorage;
  readonly limits: Limits;
  readonly witness: EgressWitness;
  /** What may be reached at all times. */
  readonly rules: readonly HostRule[];
}

/** A box that is not there by then never will be. */
const CREATE_TIMEOUT_MS = 60_000;

/** Puts a box together: its proxy, the box itself, and the connection to its boxd. */
export class BoxBuilder {
  readonly #parts: BoxBuilderParts;
  #count = 0;

  constructor(parts: BoxBuilderParts) {
    this.#parts = parts;
  }

  /**
   * Throws what the engine throws; then nothing is left behind. A launch that has begun is seen to its end even when the signal is
   * aborted, and the box destroyed then: to kill a launcher halfway could leave behind what it has just started.
   */
  async build({ storage, limits, witness, rules }: BoxPlan, signal: AbortSignal): Promise<HousedBox> {
    const { engine, report, config, log, sockets, mounts } = this.#parts;
    this.#count += 1;
    const socketPath = join(sockets, `${this.#count.toString(36)}.sock`);
    const proxy = await startEgress({
      socketPath,
      rules,
      privateHosts: config.sandbox.private_hosts,
      onConnection: connection => witness.see(connection),
    });
    const egress = closing(proxy, async () => {
      witness.flush();
      await rm(socketPath, { force: true });
    });
    try {
      signal.throwIfAborted();
      const spec = { id: newId('box'), storage, limits, egressSocket: socketPath, mounts: await mounts?.() };
      const box = await engine.create(spec, AbortSignal.timeout(CREATE_TIMEOUT_MS));
      try {
        signal.throwIfAborted();
        const boxd = await connectBoxd(box.channel, boxdLimits(report, limits), box);
        return { box, boxd, egress };
      } catch (error) {
        await box.destroy('killed');
        throw error;
      }
    } catch (error) {
      await egress.close().catch((cause: unknown) => log.warn({ error: cause }, 'a proxy did not close'));
      throw error;
    }
  }
}

function closing(proxy: Egress, after: () => Promise<void>): HousedBox['egress'] {
  return {
    allow: rules => proxy.allow(rules),
    mark: () => proxy.mark(),
    deniedSince: mark => proxy.deniedSince(mark),
    close: async () => {
      await proxy.close();
      await after();
    },
  };
}
