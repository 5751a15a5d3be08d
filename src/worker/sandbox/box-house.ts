import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import type { WorkspaceSpec } from '../../protocol/workspace-spec.ts';
import type { Reports } from '../reports.ts';
import { BoxBuilder } from './box-builder.ts';
import type { HousedBox } from './box-keeper.ts';
import { EgressWitness } from './egress-witness.ts';
import type { EngineReport, ReadOnlyMount, SandboxEngine } from './engine.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { createStorageRoom, type StorageRoom } from './storage.ts';
import { newTemporaryId, removeAbandonedStorage } from './temporary-storage.ts';
import { WarmPool } from './warm-pool.ts';
import type { BoxHousing } from './workspace-means.ts';

export interface BoxHouseParts {
  readonly engine: SandboxEngine;
  readonly report: EngineReport;
  readonly config: Config;
  readonly log: Log;
  readonly reports: Reports;
  /** What a box that is made now may read besides. */
  readonly mounts?: () => Promise<readonly ReadOnlyMount[]>;
}

/** A box of default limits that belongs to nobody yet. */
interface SpareBox {
  readonly storageId: string;
  readonly housed: HousedBox;
  readonly witness: EgressWitness;
}

/** Where workspaces, and what belongs to them, lie. */
export function sandboxDirectory(config: Config): string {
  return resolve(config.sandbox.directory ?? join(config.directory, 'workspaces'));
}

/** Makes the boxes of a worker's workspaces, each with its files and its proxy, and keeps a few spare ones warm. */
export async function createBoxHouse(parts: BoxHouseParts): Promise<BoxHousing & { close(): Promise<void> }> {
  const { config, log } = parts;
  const mountsImages = parts.report.limits.disk_mb === 'hard';
  const room = createStorageRoom({ directory: sandboxDirectory(config), log, mountsImages });
  await removeAbandonedStorage(room, log);
  const sockets = await makeSocketFolder();
  return new BoxHouse({ ...parts, room, sockets, builder: new BoxBuilder({ ...parts, sockets }) });
}

interface House extends BoxHouseParts {
  readonly room: StorageRoom;
  readonly sockets: string;
  readonly builder: BoxBuilder;
}

type Housed = Parameters<BoxHousing['house']>[0];

class BoxHouse implements BoxHousing {
  readonly #house: House;
  readonly #spares: WarmPool<SpareBox>;

  constructor(house: House) {
    this.#house = house;
    this.#spares = new WarmPool({
      size: house.report.works ? house.config.sandbox.spare_boxes : 0,
      log: house.log,
      make: signal => this.#makeSpare(signal),
      gone: ({ housed }) => housed.box.exited,
      discard: spare => this.#discard(spare),
    });
  }

  async house({ workspaceId, epoch, spec, isRecovered = false }: Housed, signal: AbortSignal): Promise<HousedBox> {
    const { room, reports, builder } = this.#house;
    const { limits, network } = spec;
    const known = await room.open(workspaceId);
    if (known === undefined && this.#isUsual(spec)) {
      const adopted = await this.#adopt({ workspaceId, epoch, spec, isRecovered });
      if (adopted !== undefined) return adopted;
    }
    const storage = known ?? (await room.create(workspaceId, { diskMb: limits.disk_mb }));
    const witness = new EgressWitness(reports);
    witness.assign({ workspaceId, epoch });
    return await builder.build({ storage, limits, witness, rules: network.allow }, signal);
  }

  async remove(workspaceId: string): Promise<void> {
    await this.#house.room.remove(workspaceId);
  }

  async close(): Promise<void> {
    await this.#spares.close();
    await rm(this.#house.sockets, { recursive: true, force: true });
  }

  #isUsual({ limits, env, image }: WorkspaceSpec): boolean {
    const usual = this.#house.config.sandbox.limits.default;
    const hasUsualLimits =
      limits.memory_mb === usual.memory_mb &&
      limits.cpus === usual.cpus &&
      limits.pids === usual.pids &&
      limits.disk_mb === usual.disk_mb;
    return hasUsualLimits && image === null && Object.keys(env).length === 0;
  }

  /** Undefined when there is no spare, or it could not be taken. */
  async #adopt({ workspaceId, epoch, spec, isRecovered }: Required<Housed>): Promise<HousedBox | undefined> {
    const { room, log } = this.#house;
    const spare = await this.#spares.take({ refillsLater: isRecovered });
    if (spare === undefined) return undefined;
    try {
      await room.adopt(spare.storageId, workspaceId);
    } catch (error) {
      log.warn({ error }, 'a spare box could not be adopted');
      await this.#discard(spare);
      return undefined;
    }
    spare.witness.assign({ workspaceId, epoch });
    // Never disposed of: it holds as long as the box does.
    spare.housed.egress.allow(spec.network.allow);
    return spare.housed;
  }

  async #makeSpare(signal: AbortSignal): Promise<SpareBox> {
    const { room, reports, builder, config } = this.#house;
    const storageId = await newTemporaryId('spare');
    const limits = config.sandbox.limits.default;
    const storage = await room.create(storageId, { diskMb: limits.disk_mb });
    const witness = new EgressWitness(reports);
    try {
      return { storageId, witness, housed: await builder.build({ storage, limits, witness, rules: [] }, signal) };
    } catch (error) {
      await room.remove(storageId);
      throw error;
    }
  }

  async #discard({ storageId, housed }: SpareBox): Promise<void> {
    await housed.box.destroy('stopped');
    await housed.egress.close();
    await this.#house.room.remove(storageId);
  }
}
