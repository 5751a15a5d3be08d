import type { Blobs } from '../../blobs/blobs.ts';
import type { Config } from '../../config/config.ts';
import type { Outcome } from '../../protocol/jobs.ts';
import type { Limits } from '../../protocol/workspace-spec.ts';
import type { LiveBox } from './box-keeper.ts';
import type { Command } from './command.ts';
import type { WhatIsNew } from './live-tails.ts';
import type { Secret } from './redaction.ts';

/** What a job stands on while it runs. */
export interface Stand {
  readonly live: LiveBox;
  readonly command: Command;
  readonly limits: Limits;
  /** The workspace's variables and the call's, with secrets filled in. */
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
  readonly blobs: Blobs;
  readonly config: Config['sandbox'];
  readonly signal: AbortSignal;
  /** The job has started: what waits only for that may go on. */
  begun(): void;
  /** Lets the live tail of the command tell what is new. */
  follow(whatIsNew: WhatIsNew): void;
}

export type JobOutput = Extract<Outcome['end'], { kind: 'completed' }>['output'];

export interface JobResult {
  readonly output: JobOutput;
  readonly fullOutput: Outcome['fullOutput'];
  /** False where there is surely no artifact to look for. */
  readonly mayHaveArtifacts?: boolean;
}
