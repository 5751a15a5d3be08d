import { addGauge } from '../telemetry/metrics.ts';
import type { Membership } from './membership.ts';
import type { Reports } from './reports.ts';
import type { Workspaces } from './workspaces.ts';

interface Parts {
  readonly slots: number;
  readonly workspaces: Workspaces;
  readonly membership: Membership;
  readonly reports: Reports;
}

/** What `/metrics` tells of a worker, read when it is asked. The names stand in docs/operating.md. */
export function addWorkerGauges({ slots, workspaces, membership, reports }: Parts): void {
  addGauge('boxswain_worker_slots', 'Workspaces that this worker takes', () => slots);
  addGauge('boxswain_worker_workspaces', 'Workspaces that this worker holds', () => workspaces.size);
  addGauge('boxswain_worker_boxes', 'Boxes of workspaces that are up', () => workspaces.boxes);
  addGauge('boxswain_worker_lease_age_seconds', 'Time since a hub last renewed the lease', () => {
    return membership.silentMs / 1000;
  });
  addGauge('boxswain_worker_fenced', '1 while this worker takes no work because it hears no hub', () =>
    membership.isFenced ? 1 : 0,
  );
  addGauge('boxswain_worker_outbox_events', 'Reports that no hub has acknowledged yet', () => reports.pending);
}
