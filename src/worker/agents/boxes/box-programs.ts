import { join } from 'node:path';
import { AppError } from '../../../errors/app-error.ts';
import type { Log } from '../../../log/log.ts';
import type { ReadOnlyMount } from '../../sandbox/engine.ts';
import type { AgentBox, Driver } from '../driver.ts';
import { unavailable } from './bring-program.ts';
import { readableToBoxes, removeOldCopies } from './readable-copies.ts';

const AGENTS = '/opt/boxswain/agents';
/** Agents update themselves: after that long their programs are looked for anew. */
const FRESH_MS = 60_000;

interface Found {
  readonly mounts: readonly ReadOnlyMount[];
  readonly commands: ReadonlyMap<string, Commands | AppError>;
}

type Commands = Pick<AgentBox, 'command' | 'forkCommand'>;

interface Options {
  readonly drivers: readonly Driver[];
  /** A folder for copies of programs that users of boxes could not reach. */
  readonly copies: string;
  readonly log: Log;
}

/** The programs of agents as boxes have them, read-only: never a home, never a configuration. */
export class BoxPrograms {
  readonly #options: Options;
  #found: Promise<Found> | undefined;
  #foundAt = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** For a box that is made now; one that runs gets nothing new. */
  async mounts(): Promise<readonly ReadOnlyMount[]> {
    return (await this.#look()).mounts;
  }

  async has(kind: string): Promise<boolean> {
    const found = (await this.#look()).commands.get(kind);
    return found !== undefined && !(found instanceof AppError);
  }

  /** First words of the agent's commands. Throws AGENT_UNAVAILABLE with the reason. */
  async commandsOf(kind: string): Promise<Commands> {
    const found = (await this.#look()).commands.get(kind) ?? unavailable(kind, 'it does not run there');
    if (found instanceof AppError) throw found;
    return found;
  }

  #look(): Promise<Found> {
    if (this.#found === undefined || performance.now() - this.#foundAt > FRESH_MS) {
      this.#foundAt = performance.now();
      this.#found = this.#find();
    }
    return this.#found;
  }

  async #find(): Promise<Found> {
    const { drivers, copies, log } = this.#options;
    const commands = new Map<string, Commands | AppError>();
    const mounts: ReadOnlyMount[] = [];
    for (const { kind, boxed } of drivers) {
      if (boxed === undefined) continue;
      try {
        const { mounts: needed, ...program } = await boxed.program(join(AGENTS, kind));
        mounts.push(...(await readableToBoxes(needed, copies)));
        commands.set(kind, program);
      } catch (error) {
        const isKnown = error instanceof AppError;
        if (!isKnown) log.warn({ err: error, kind }, 'an agent cannot be brought into boxes');
        commands.set(kind, isKnown ? error : unavailable(kind, 'its program cannot be read'));
      }
    }
    await removeOldCopies(mounts, copies).catch((error: unknown) => {
      log.warn({ err: error }, 'old copies of programs were not removed');
    });
    return { mounts, commands };
  }
}
