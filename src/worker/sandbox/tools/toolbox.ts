import type { Config } from '../../../config/config.ts';
import type { Outcome } from '../../../protocol/jobs.ts';
import type { HostRule } from '../../../protocol/workspace-spec.ts';
import type { Boxd } from '../boxd/boxd.ts';
import type { Denial } from '../egress/denials.ts';

/** What a tool works with: the box, and what the operator allows. */
export interface ToolBox {
  readonly boxd: Pick<Boxd, 'exec'>;
  readonly config: Config['sandbox'];
  readonly egress: ToolEgress;
  /** The most that all programs of one call may put out, streams together. */
  readonly outputBytes: number;
  readonly signal: AbortSignal;
  report(progress: ToolProgress): void;
}

/** The part of the workspace's proxy that one call may use; see `egress/egress.ts`. */
export interface ToolEgress {
  allow(rules: readonly HostRule[]): Disposable;
  mark(): number;
  deniedSince(mark: number): Denial[];
}

export interface ToolProgress {
  readonly stage: string;
  readonly message?: string;
}

/** Output of an operation. */
export type ToolOutput = Extract<Outcome['end'], { kind: 'completed' }>['output'];
