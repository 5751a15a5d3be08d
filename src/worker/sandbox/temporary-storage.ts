import { randomBytes } from 'node:crypto';
import { isProcessThere, processNameOf } from '../../ids/process-name.ts';
import type { Log } from '../../log/log.ts';
import type { StorageRoom } from './storage.ts';

/** Storage that is of no use to a later process is named for the one that made it. */
const TEMPORARY = /^(?:spare|probe|attack)_(\d+)_(\d+)_[0-9a-f]+$/;

/** An id that names this process, so that another can tell when nobody uses the storage any more. */
export async function newTemporaryId(kind: 'spare' | 'probe' | 'attack'): Promise<string> {
  const { pid, startTime } = await processNameOf(process.pid);
  return `${kind}_${pid}_${startTime}_${randomBytes(6).toString('hex')}`;
}

/** Removes what processes that crashed have left; what cannot be removed is logged, and keeps nothing from the rest. */
export async function removeAbandonedStorage(room: StorageRoom, log: Log): Promise<void> {
  for (const id of await room.list()) {
    const [, pid, startTime = ''] = TEMPORARY.exec(id) ?? [];
    if (pid === undefined || (await isProcessThere({ pid: Number(pid), startTime }))) continue;
    try {
      await room.remove(id);
    } catch (error) {
      log.error({ err: error, storage: id }, 'storage of a process that is gone could not be removed');
    }
  }
}
