import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import type { Machine } from '../../src/cli/init/client.ts';
import { addInit } from '../../src/cli/init/init-command.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { RecordingTerminal } from '../support/recording-terminal.ts';
import { scratchDirectory } from '../support/server.ts';

const reportSchema = z.object({
  changed: z.boolean(),
  files: z.array(z.looseObject({ client: z.string(), outcome: z.string(), file: z.string().optional() })),
});

export const LAUNCHER = {
  platform: 'linux',
  program: '/usr/bin/node',
  script: '/opt/boxswain/bin/boxswain.js',
} as const;

/** Somebody's home with clients in it, on a machine that is not this one. */
export class FixtureHome implements AsyncDisposable {
  readonly path: string;
  readonly #remove: () => Promise<void>;
  platform: NodeJS.Platform = 'linux';
  env: Record<string, string> = {};

  private constructor(path: string, remove: () => Promise<void>) {
    this.path = path;
    this.#remove = remove;
  }

  static async make(files: Readonly<Record<string, string>> = {}): Promise<FixtureHome> {
    const { path, remove } = await scratchDirectory();
    const home = new FixtureHome(path, remove);
    for (const [name, text] of Object.entries(files)) await home.write(name, text);
    return home;
  }

  get machine(): Machine {
    return { platform: this.platform, home: this.path, env: this.env };
  }

  at = (name: string): string => join(this.path, name);
  read = (name: string): Promise<string> => readFile(this.at(name), 'utf8');
  modeOf = async (name: string): Promise<number> => (await stat(this.at(name))).mode & 0o777;

  async write(name: string, text: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(this.at(name)), { recursive: true });
    await writeFile(this.at(name), text);
    await chmod(this.at(name), mode);
  }

  /** Every file below the home with what it holds. */
  async all(): Promise<Record<string, string>> {
    const entries = await readdir(this.path, { recursive: true, withFileTypes: true });
    const files = entries.filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name));
    return Object.fromEntries(
      await Promise.all(
        files.sort().map(async file => [file.slice(this.path.length + 1), await readFile(file, 'utf8')]),
      ),
    );
  }

  /** Runs `boxswain init` with these words. */
  async init(words: string, { typed = 'n', isInteractive = true, launcher = LAUNCHER }: Partial<InitOptions> = {}) {
    const terminal = new RecordingTerminal({ isInteractive });
    terminal.typed = typed;
    const program = new Command().exitOverride();
    addInit(program, {
      ...{ terminal, operations: allOperations, env: this.env, machine: this.machine, launcher },
      ...{ signal: new AbortController().signal, flagsOf: () => ({ settings: {} }) },
    });
    await program.parseAsync(['init', ...words.split(' ').filter(word => word !== '')], { from: 'user' });
    const outcomes = () =>
      Object.fromEntries(
        reportSchema.parse(JSON.parse(terminal.stdout)).files.map(file => [file.client, file.outcome]),
      );
    return { ...terminal, outcomes, report: () => reportSchema.parse(JSON.parse(terminal.stdout)) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#remove();
  }
}

interface InitOptions {
  typed: string;
  isInteractive: boolean;
  launcher: { platform: NodeJS.Platform; program: string; script: string };
}
