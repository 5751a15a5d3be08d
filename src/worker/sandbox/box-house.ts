import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { newId } from '../../ids/ids.ts';
import type { Log } from '../../log/log.ts';
import type { Limits, WorkspaceSpec } from '../../protocol/workspace-spec.ts';
import type { Reports } from '../reports.ts';
import type { HousedBox } from './box-keeper.ts';
import { connectBoxd, type Hello } from './boxd/boxd-client.ts';
import { type Egress, startEgress } from './egress/egress.ts';
import { EgressWitness } from './egress-witness.ts';
import type { BoxStorage, EngineReport, SandboxEngine } from './engine.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { createStorageRoom, type StorageRoom } from './storage.ts';
import type { BoxHousing } from './workspace-means.ts';

export interface BoxHouseParts {
  readonly engine: SandboxEngine;
  readonly report: EngineReport;
  readonly config: Config;
  readonly log: Log;
  readonly reports: Reports;
}

const MIB = 1024 * 1024;

/** Where workspaces, and what belongs to them, lie. */
export function sandboxDirectory(config: Config): string {
  return resolve(config.sandbox.directory ?? join(config.directory, 'workspaces'));
}

/** Makes the boxes of a worker's workspaces, each with its files and its proxy. */
export async function createBoxHouse(parts: BoxHouseParts): Promise<BoxHousing & { close(): Promise<void> }> {
  const { config, log } = parts;
  const directory = sandboxDirectory(config);
  const sockets = await makeSocketFolder();
  return new BoxHouse({ ...parts, room: createStorageRoom({ directory, log }), sockets });
}

interface House extends BoxHouseParts {
  readonly room: StorageRoom;
  readonly sockets: string;
}

/** How a box is made, whoever it is for. */
interface BoxPlan {
  readonly storage: BoxStorage;
  readonly limits: Limits;
  readonly witness: EgressWitness;
  readonly rules: WorkspaceSpec['network']['allow'];
}

class BoxHouse implements BoxHousing {
  readonly #house: House;
  #socketCount = 0;

  constructor(house: House) {
    this.#house = house;
  }

  async house(
    { workspaceId, epoch, spec }: { workspaceId: string; epoch: number; spec: WorkspaceSpec },
    signal: AbortSignal,
  ): Promise<HousedBox> {
    const { room, reports } = this.#house;
    const { limits } = spec;
    const witness = new EgressWitness(reports);
    witness.assign({ workspaceId, epoch });
    const storage = (await room.open(workspaceId)) ?? (await room.create(workspaceId, { diskMb: limits.disk_mb }));
    return await this.#build({ storage, limits, witness, rules: spec.network.allow }, signal);
  }

  async remove(workspaceId: string): Promise<void> {
    await this.#house.room.remove(workspaceId);
  }

  async close(): Promise<void> {
    await rm(this.#house.sockets, { recursive: true, force: true });
  }

  async #build({ storage, limits, witness, rules }: BoxPlan, signal: AbortSignal): Promise<HousedBox> {
    const { engine, config, log, sockets } = this.#house;
    this.#socketCount += 1;
    const socketPath = join(sockets, `${this.#socketCount.toString(36)}.sock`);
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
      const box = await engine.create({ id: newId('box'), storage, limits, egressSocket: socketPath }, signal);
      try {
        return { box, boxd: await connectBoxd(box.channel, this.#hello(limits)), egress };
      } catch (error) {
        await box.destroy('killed');
        throw error;
      }
    } catch (error) {
      await egress.close().catch((cause: unknown) => log.warn({ error: cause }, 'a proxy did not close'));
      throw error;
    }
  }

  /** Limits that the engine does not enforce by itself are boxd's to keep, as well as it can. */
  #hello(limits: Limits): Hello {
    const { limits: enforced } = this.#house.report;
    const hasNoGroups = enforced.cpus !== 'hard';
    const isDiskSoft = enforced.disk_mb !== 'hard';
    return {
      limits: {
        cpus: Math.ceil(limits.cpus),
        addressSpaceBytes: enforced.memory_mb === 'hard' ? undefined : limits.memory_mb * MIB,
        processes: hasNoGroups ? limits.pids : undefined,
        fileBytes: isDiskSoft ? limits.disk_mb * MIB : undefined,
      },
      diskBytes: isDiskSoft ? limits.disk_mb * MIB : undefined,
    };
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
