import { AcpProcess, type AcpProcessOptions } from './acp-process.ts';

/** One process of an agent for all who need it on this machine, and one for those of each box. */
export class SharedProcesses {
  readonly #places = new Map<string, SharedProcess>();

  /** Each use has to be given back, once. `key` names the box; absent: the machine itself. */
  async use(options: AcpProcessOptions & { readonly key?: string }): Promise<Use> {
    const { key = '' } = options;
    const place = this.#places.get(key) ?? new SharedProcess();
    this.#places.set(key, place);
    const forget = () => {
      if (place.isUnused && this.#places.get(key) === place) this.#places.delete(key);
    };
    try {
      const { process, giveBack } = await place.use(options);
      return { process, giveBack: () => giveBack().finally(forget) };
    } catch (error) {
      forget();
      throw error;
    }
  }
}

interface Use {
  readonly process: AcpProcess;
  giveBack(): Promise<void>;
}

/** Started by the first, ended by the last. */
class SharedProcess {
  #current: { readonly started: Promise<AcpProcess>; users: number } | undefined;

  get isUnused(): boolean {
    return this.#current === undefined;
  }

  async use(options: AcpProcessOptions): Promise<Use> {
    const shared = this.#current ?? { started: AcpProcess.start(options), users: 0 };
    this.#current = shared;
    shared.users += 1;
    const leave = () => {
      shared.users -= 1;
      const isLast = shared.users === 0;
      if (isLast && this.#current === shared) this.#current = undefined;
      return isLast;
    };
    try {
      const process = await shared.started;
      void process.running.exited.then(() => {
        if (this.#current === shared) this.#current = undefined;
      });
      return {
        process,
        giveBack: async () => {
          if (leave()) await process.end();
        },
      };
    } catch (error) {
      leave();
      if (this.#current === shared) this.#current = undefined;
      throw error;
    }
  }
}
