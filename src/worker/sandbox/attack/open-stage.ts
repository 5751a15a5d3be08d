import { newId } from '../../../ids/ids.ts';
import type { Limits } from '../../../protocol/workspace-spec.ts';
import { connectBoxd } from '../boxd/boxd-client.ts';
import { boxdLimits } from '../engines/bubblewrap/boxd-limits.ts';
import type { BoxStorage, EngineReport, SandboxEngine } from '../engine.ts';
import type { StorageRoom } from '../storage.ts';
import { newTemporaryId } from '../temporary-storage.ts';
import type { LiveStage, Ran, RunningOptions, Stage } from './attack.ts';

const KEPT_BYTES = 256 * 1024;
const START_MS = 30_000;

export interface StageParts {
  readonly engine: SandboxEngine;
  readonly report: EngineReport;
  readonly room: StorageRoom;
  readonly limits: Limits;
  readonly outside: string;
  readonly egressSocket: string;
}

export interface OpenedStage extends Stage {
  /** Ends the box and removes its files. */
  close(): Promise<void>;
}

/** A box with files of its own, as a workspace has it. */
export async function openStage(parts: StageParts): Promise<OpenedStage> {
  const { room, limits, report, outside } = parts;
  const id = await newTemporaryId('attack');
  const storage = await room.create(id, { diskMb: limits.disk_mb });
  let live: LiveStage;
  try {
    live = await openBox(parts, storage);
  } catch (error) {
    await room.remove(id);
    throw error;
  }
  return {
    report,
    limits,
    outside,
    isImage: room.isImage(storage),
    get live() {
      return live;
    },
    restart: async () => {
      await live.box.destroy('stopped');
      live = await openBox(parts, storage);
      return live;
    },
    python: (code, options) => runPython(live, code, { limits, options }),
    exec: (argv, options = {}) =>
      collected(onOutput => {
        const request = { argv, cwd: '', env: {}, ...bounds(limits, options) };
        return live.boxd.exec(request, { signal: AbortSignal.timeout(START_MS * 4), onOutput });
      }),
    close: async () => {
      await live.box.destroy('stopped');
      await room.remove(id);
    },
  };
}

async function openBox({ engine, report, limits, egressSocket }: StageParts, storage: BoxStorage): Promise<LiveStage> {
  const spec = { id: newId('box'), storage, limits, egressSocket };
  const box = await engine.create(spec, AbortSignal.timeout(START_MS));
  try {
    return { box, boxd: await connectBoxd(box.channel, boxdLimits(report, limits), box), storage };
  } catch (error) {
    await box.destroy('killed');
    throw error;
  }
}

function runPython(
  { boxd }: LiveStage,
  code: string,
  { limits, options = {} }: { limits: Limits; options?: RunningOptions },
): Promise<Ran> {
  return collected(onOutput => {
    const signal = AbortSignal.timeout(START_MS * 4);
    const shared = { env: {}, ...bounds(limits, options) };
    const { context } = options;
    return context === undefined
      ? boxd.python({ source: { code }, args: [], ...shared }, { signal, onOutput })
      : boxd.cell({ context, code, ...shared }, { signal, onOutput });
  });
}

const bounds = (
  limits: Limits,
  { timeoutMs = 20_000, outputBytes = limits.output_mb * 1024 * 1024 }: RunningOptions,
) => ({
  timeoutMs,
  outputBytes,
});

type OnOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void;

async function collected(
  start: (onOutput: OnOutput) => Promise<Omit<Ran, 'stdout' | 'stderr' | 'outputBytes'>>,
): Promise<Ran> {
  const kept: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const sizes = { stdout: 0, stderr: 0 };
  const end = await start((stream, bytes) => {
    const room = KEPT_BYTES - sizes[stream];
    if (room > 0) kept[stream].push(Buffer.from(bytes.subarray(0, room)));
    sizes[stream] += bytes.length;
  });
  return {
    ...end,
    stdout: Buffer.concat(kept.stdout).toString(),
    stderr: Buffer.concat(kept.stderr).toString(),
    outputBytes: sizes.stdout + sizes.stderr,
  };
}
