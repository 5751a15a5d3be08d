import type { HubRequest } from '../../protocol/messages.ts';
import type { Reports } from '../reports.ts';

type Seen = HubRequest<'egress.seen'>['connections'][number];

const FLUSH_MS = 250;
const MOST_AT_ONCE = 100;

/** Tells the hub which connections the proxy of a box let pass and refused, for the audit record; many at a time. */
export class EgressWitness {
  readonly #reports: Reports;
  #workspace: { workspaceId: string; epoch: number } | undefined;
  #seen: Seen[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  /** Whose box it is. A spare box has nobody, and nothing runs in it. */
  assign(workspace: { workspaceId: string; epoch: number }): void {
    this.#workspace = workspace;
  }

  see({ host, port, allowed, reason, bytes }: Seen): void {
    this.#seen.push({ host, port, allowed, reason, bytes });
    if (this.#seen.length >= MOST_AT_ONCE) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const connections = this.#seen;
    this.#seen = [];
    if (this.#workspace === undefined || connections.length === 0) return;
    this.#reports.send('egress.seen', { ...this.#workspace, connections });
  }
}
