import type { Duplex } from 'node:stream';
import type { Enforcement, LimitName } from '../../protocol/workspace-spec.ts';

/** What makes boxes. An engine only creates a box and returns a byte stream to its boxd; all else is boxd's. */
export interface SandboxEngine {
  readonly name: string;
  /** A real launch with real limits; never a guess from a version. */
  probe(signal?: AbortSignal): Promise<EngineReport>;
  create(spec: BoxSpec, signal: AbortSignal): Promise<Box>;
  /** Ends and removes what a crashed worker left: processes, cgroups, mounts, sockets, files of boxes. Answers what it removed. */
  reap(): Promise<string[]>;
}

export interface EngineReport {
  readonly name: string;
  readonly works: boolean;
  /** One command or sentence that would make it work. */
  readonly remedy?: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What is old enough to worry about, in words. */
  readonly stale: readonly string[];
  readonly isolation: 'none' | 'namespaces' | 'kernel' | 'vm';
  readonly limits: Readonly<Record<LimitName, Enforcement>>;
}

export interface BoxSpec {
  /** Names the box on the host: cgroup, socket, process registry. */
  readonly id: string;
  /** Storage that outlives the box; created by `WorkspaceStorage` and owned by the box's uid. */
  readonly storage: BoxStorage;
  readonly limits: Readonly<Record<LimitName, number>>;
  /** Host path of the unix socket that the egress proxy of this workspace listens on, bound as /run/egress.sock; absent: no way out. */
  readonly egressSocket?: string;
  /** What it has besides, such as the programs of agents; what is not there any more is left out. */
  readonly mounts?: readonly ReadOnlyMount[];
}

/** A file or folder of the host that the box may read and not change. `to` is below `/opt/boxswain`, where the box can write nothing. */
export interface ReadOnlyMount {
  readonly from: string;
  readonly to: string;
}

/** Where a workspace's bytes lie on the host. The host never follows a path inside `directory`. */
export interface BoxStorage {
  readonly directory: string;
  /** Host uid and gid the box runs as; one for each box when the worker is root. */
  readonly uid: number;
  readonly gid: number;
  readonly diskMb: number;
}

export interface Box {
  readonly id: string;
  /** Bytes to and from boxd. */
  readonly channel: Duplex;
  /** Further streams, for boxd to lend to stateful contexts, in the order it knows them; an engine may have none. */
  readonly lanes?: readonly Duplex[];
  /** Settles once, when the box is gone, with the reason. */
  readonly exited: Promise<BoxExit>;
  stats(): Promise<BoxStats>;
  /** Stops all that runs in the box, boxd included, or lets it go on where it was. Legal in every state, idempotent. */
  freeze(isFrozen: boolean): Promise<void>;
  /** Kills everything in the box. Legal in every state, idempotent; settles when nothing of it is left. */
  destroy(reason: BoxExitKind): Promise<void>;
}

export type BoxExitKind = 'oom' | 'pids' | 'wall' | 'disk' | 'killed' | 'engine_lost' | 'stopped';

export interface BoxExit {
  readonly kind: BoxExitKind;
  readonly detail: string;
}

export interface BoxStats {
  readonly memoryBytes: number;
  readonly cpuMs: number;
  /** Counters that only rise; compared before and after a run to name the limit that was hit. */
  readonly oomKills: number;
  readonly pidsRefused: number;
}
