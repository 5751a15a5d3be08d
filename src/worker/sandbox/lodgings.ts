import type { AutoCheckpoint } from './auto-checkpoint.ts';
import type { BoxKeeper, HousedBox } from './box-keeper.ts';
import type { Secret } from './redaction.ts';

/** A place in a workspace's box for what lives there beside the line of work, such as an agent. */
export interface Lodging extends Pick<HousedBox, 'boxd' | 'egress'> {
  readonly generation: number;
  /** The workspace's variables, with secrets filled in. */
  readonly env: Readonly<Record<string, string>>;
  /** Those that the workspace was given so far: whatever is told of what happens in it is told without them. */
  secrets(): readonly Secret[];
  /** Settles when the box is gone, with why. */
  readonly gone: Promise<string>;
  /** While a lodger works the workspace is not moved; what it did is worth a checkpoint afterwards. */
  works(isWorking: boolean): void;
  /** The box may be idle from here on. Idempotent. */
  leave(): void;
}

interface Parts {
  readonly keeper: BoxKeeper;
  readonly auto: AutoCheckpoint | undefined;
  /** Settles when the files of the workspace are whole. */
  filled(): Promise<unknown>;
  env(): Promise<Readonly<Record<string, string>>>;
  secrets(): readonly Secret[];
}

/** Who lives in the box of one workspace. They take no turn in its line, and end with the box. */
export class Lodgings {
  readonly #parts: Parts;
  #working = 0;
  #closing: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Somebody works there now. */
  get isWorking(): boolean {
    return this.#working > 0;
  }

  /** Why the boxes that end from here on do. */
  close(reason: string): void {
    this.#closing ??= reason;
  }

  /** Makes the box unless there is one. Throws what that throws, and POLICY_DENIED for a secret that is not there. */
  async open(): Promise<Lodging> {
    const { keeper, auto, filled, env, secrets } = this.#parts;
    await filled();
    keeper.enter();
    try {
      const variables = await env();
      const live = keeper.live ?? (await keeper.ensure());
      const { boxd, egress, generation } = live;
      let isWorking = false;
      let hasLeft = false;
      const works = (now: boolean) => {
        if (now === isWorking) return;
        isWorking = now;
        this.#working += now ? 1 : -1;
        auto?.called({ mayChange: true });
      };
      return {
        ...{ boxd, egress, generation, works, env: variables, secrets },
        gone: live.gone.then(({ kind }) => this.#closing ?? reasonOf(kind)),
        leave() {
          if (hasLeft) return;
          hasLeft = true;
          works(false);
          keeper.leave();
        },
      };
    } catch (error) {
      keeper.leave();
      throw error;
    }
  }
}

const reasonOf = (kind: string): string =>
  kind === 'stopped' ? 'the sandbox of its workspace was stopped' : `the sandbox of its workspace died: ${kind}`;
