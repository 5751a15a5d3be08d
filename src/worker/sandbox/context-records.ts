import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const recordSchema = z.record(z.string(), z.int());

/**
 * On disk, which contexts a workspace had and in which generation: a worker that starts anew must not pass off an empty context
 * as the one that was lost.
 */
export class ContextRecords {
  readonly #folder: string;
  /** Writes of one workspace go one after another. */
  readonly #writes = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Empty where there is none, or a torn one. */
  async load(workspaceId: string): Promise<Record<string, number>> {
    await this.#writes.get(workspaceId)?.catch(() => {});
    try {
      return recordSchema.parse(JSON.parse(await readFile(this.#fileOf(workspaceId), 'utf8')));
    } catch {
      return {};
    }
  }

  async save(workspaceId: string, generations: Readonly<Record<string, number>>): Promise<void> {
    const text = JSON.stringify(generations);
    await this.#inTurn(workspaceId, async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const file = this.#fileOf(workspaceId);
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    });
  }

  async remove(workspaceId: string): Promise<void> {
    await this.#inTurn(workspaceId, () => rm(this.#fileOf(workspaceId), { force: true }));
  }

  async #inTurn(workspaceId: string, write: () => Promise<void>): Promise<void> {
    const before = this.#writes.get(workspaceId) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(write);
    this.#writes.set(workspaceId, mine);
    try {
      await mine;
    } finally {
      if (this.#writes.get(workspaceId) === mine) this.#writes.delete(workspaceId);
    }
  }

  #fileOf(workspaceId: string): string {
    if (!/^[a-z0-9_]{1,64}$/.test(workspaceId)) throw new Error('a workspace id is made by a hub');
    return join(this.#folder, `${workspaceId}.json`);
  }
}
