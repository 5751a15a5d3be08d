import { AppError } from '../errors/app-error.ts';
import type { Outcome } from '../protocol/jobs.ts';
import type { ArtifactRecord, JsonObject } from '../store/rows.ts';
import { errorAsJson } from './json.ts';
import { asAppError, taskCancelled } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { RenderName, Renderer } from './hub.ts';

/** How a run ended, in the words of its task. */
export type Ending =
  | { readonly status: 'completed'; readonly output: JsonObject; readonly text: string[] }
  | { readonly status: 'failed' | 'cancelled' | 'interrupted'; readonly error: AppError };

export interface Collected {
  readonly artifacts: ArtifactRecord[];
  readonly outputArtifacts: Record<string, ArtifactRecord>;
}

/** Renderers by name. They outlive calls: the end of a task is rendered alike after a restart. */
export class Renderings {
  readonly #renderers = new Map<RenderName, Renderer>();
  readonly #log: Foundation['log'];

  constructor(log: Foundation['log']) {
    this.#log = log;
  }

  register(name: RenderName, renderer: Renderer): void {
    this.#renderers.set(name, renderer);
  }

  /** Never throws: a renderer that does makes the run a failed one. */
  ending(outcome: Outcome, { id, render, collected }: { id: string; render: string; collected: Collected }): Ending {
    const { end } = outcome;
    if (end.kind === 'failed') return { status: 'failed', error: AppError.fromShape(end.error) };
    if (end.kind === 'cancelled') return { status: 'cancelled', error: taskCancelled(id, end.reason) };
    const renderer = this.#renderers.get(render);
    if (renderer === undefined) {
      return { status: 'completed', output: end.output, text: [JSON.stringify(end.output)] };
    }
    try {
      return { status: 'completed', ...renderer(outcome, collected) };
    } catch (error) {
      this.#log.error({ err: error, task: id, render }, 'a renderer failed');
      return { status: 'failed', error: asAppError(error) };
    }
  }
}

/** The columns of a task's row that hold its ending. */
export function rowOfEnding(ending: Ending): { status: Ending['status']; result?: JsonObject; error?: JsonObject } {
  if (ending.status !== 'completed') return { status: ending.status, error: errorAsJson(ending.error) };
  return { status: ending.status, result: { output: ending.output, text: ending.text } };
}
