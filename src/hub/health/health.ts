import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import type { WorkerRecord } from '../../store/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { Health, Subsystem } from '../hub.ts';
import type { WorkerBook } from '../workers.ts';
import type { RepairLog } from './repair-log.ts';

/** Any hash: to learn whether the place where contents lie answers. */
const NO_BLOB = '0'.repeat(64);

interface Parts {
  readonly workers: WorkerBook;
  readonly repairs: RepairLog;
  /** Of this program. */
  readonly version: string;
}

/** How this hub, and what it stands on, is. */
export class HealthDesk implements Health {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #startedAt = performance.now();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    parts.workers.onChange(({ id }, change) => {
      // One that was lost is in the log already.
      if (change !== 'lost') parts.repairs.note(`worker ${change}`, { worker: id });
    });
  }

  async look(): ReturnType<Health['look']> {
    const { store, config } = this.#foundation;
    const [workers, live] = await Promise.all([this.#parts.workers.live(), store.sessions.live()]);
    return {
      version: this.#parts.version,
      uptimeSeconds: Math.floor((performance.now() - this.#startedAt) / 1000),
      sessions: live.length,
      workers: workers.length,
      mode: modeOf(config),
    };
  }

  async details(): ReturnType<Health['details']> {
    const subsystems = await Promise.all([
      this.#checked('store', () => this.#store()),
      this.#checked('blobs', () => this.#blobs()),
      this.#checked('workers', () => this.#workers()),
      this.#checked('sandbox', () => this.#sandbox()),
      this.#checked('sessions', () => this.#sessions()),
      this.#checked('permissions', () => this.#permissions()),
    ]);
    return { subsystems, repairs: this.#parts.repairs.entries };
  }

  /** A check that fails says so, and no more: why stands in the log. */
  async #checked(name: string, check: () => Promise<Omit<Subsystem, 'name'>>): Promise<Subsystem> {
    try {
      return { name, ...(await check()) };
    } catch (error) {
      this.#foundation.log.warn({ err: error, work: name }, 'a part of the hub is not well');
      return { name, healthy: false, details: 'does not answer' };
    }
  }

  async #store() {
    const asked = performance.now();
    await this.#foundation.store.now();
    const engine = this.#foundation.config.store.url ? 'PostgreSQL' : 'SQLite';
    return { healthy: true, details: `${engine} answers in ${(performance.now() - asked).toFixed(1)} ms` };
  }

  async #blobs() {
    await this.#foundation.link.blobs.stat(NO_BLOB);
    return { healthy: true, details: this.#foundation.config.blobs.s3.bucket ? 'S3 answers' : 'directory' };
  }

  async #workers() {
    const live = await this.#parts.workers.live();
    const draining = live.filter(({ isDraining }) => isDraining).length;
    return { healthy: live.length > 0, details: `${live.length} live, ${draining} of them draining` };
  }

  async #sandbox() {
    const engines = (await this.#parts.workers.live()).flatMap(enginesOf);
    const working = engines.filter(({ works }) => works);
    const [remedy] = engines.flatMap(one => (one.works || !one.remedy ? [] : [one.remedy]));
    if (working.length > 0) return { healthy: true, details: `${working.length} workers make boxes` };
    return { healthy: false, details: remedy ?? 'no worker makes boxes' };
  }

  async #sessions() {
    const live = await this.#foundation.store.sessions.live();
    const reachable = new Set((await this.#parts.workers.live()).map(({ id }) => id));
    const stranded = live.filter(({ worker }) => !reachable.has(worker)).length;
    return { healthy: stranded === 0, details: `${live.length} live, ${stranded} of them on workers that are away` };
  }

  async #permissions() {
    const { length } = await this.#foundation.store.permissions.undelivered();
    return { healthy: true, details: `${length} answers on their way to agents` };
  }
}

const engineSchema = z.object({ works: z.boolean(), remedy: z.string().nullable() });
const capabilities = z.object({ engines: z.array(engineSchema) });

/** As the worker told when it joined. */
const enginesOf = (worker: WorkerRecord) => capabilities.safeParse(worker.capabilities).data?.engines ?? [];

function modeOf({ store, fabric }: Config): 'solo' | 'team' | 'cluster' {
  if (fabric.servers.length === 0) return 'solo';
  return store.url ? 'cluster' : 'team';
}
