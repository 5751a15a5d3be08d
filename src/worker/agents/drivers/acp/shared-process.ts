import { AcpProcess, type AcpProcessOptions } from './acp-process.ts';

/** One process of an agent for all who need it: started by the first, ended by the last. */
export class SharedProcess {
  #current: { readonly started: Promise<AcpProcess>; users: number } | undefined;

  /** Each use has to be given back, once. */
  async use(options: AcpProcessOptions): Promise<{ process: AcpProcess; giveBack: () => Promise<void> }> {
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
