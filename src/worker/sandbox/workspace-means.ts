import type { Blobs } from '../../blobs/blobs.ts';
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import type { HubRequest } from '../../protocol/messages.ts';
import type { WorkspaceSpec } from '../../protocol/workspace-spec.ts';
import type { Reports } from '../reports.ts';
import type { CheckpointMeans } from './auto-checkpoint.ts';
import type { HousedBox } from './box-keeper.ts';
import type { ContextRecords } from './context-records.ts';
import type { EndedCommands } from './ended-commands.ts';
import type { LiveTails } from './live-tails.ts';

/** What a worker shares with all its workspaces. */
export interface WorkspaceMeans {
  readonly config: Config;
  readonly blobs: Blobs;
  readonly log: Log;
  readonly housing: BoxHousing;
  readonly contexts: ContextRecords;
  readonly reports: Reports;
  readonly tails: LiveTails;
  readonly ended: EndedCommands;
  /** A request on files that has no answer by then never will have one. */
  readonly stuckAfterMs: number;
  /** Whether this worker's lease lets anything start now. */
  readonly lease: { readonly isFenced: boolean };
  /** What automatic checkpoints may take; absent where none are taken. */
  readonly checkpoints?: CheckpointMeans;
  /** Asks the hub whether a detached job may start, until it has an answer. Rejects with the signal's reason. */
  mayStart(start: HubRequest<'run.started'>, signal: AbortSignal): Promise<boolean>;
}

/** Makes boxes for workspaces and keeps their files. */
export interface BoxHousing {
  /**
   * A box with the files of the workspace, which are made when there are none yet. `isRecovered`: it comes from a worker that was
   * lost, and others with it.
   */
  house(
    workspace: { workspaceId: string; epoch: number; spec: WorkspaceSpec; isRecovered?: boolean },
    signal: AbortSignal,
  ): Promise<HousedBox>;
  /** Removes the files of a workspace without a box; nothing when there are none. */
  remove(workspaceId: string): Promise<void>;
}
