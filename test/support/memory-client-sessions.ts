import type { Hub } from '../../src/hub/hub.ts';
import type { ClientSessionRecord } from '../../src/store/rows.ts';

/** Sessions as the store keeps them, for tests of what stands above it. After `forgetUse` none counts as used until it is used again. */
export function memoryClientSessions(): Hub['clientSessions'] & { forgetUse(): void } {
  const rows = new Map<string, ClientSessionRecord>();
  let time = 0;
  const use = (row: Omit<ClientSessionRecord, 'lastUsedAt'>) => {
    rows.delete(row.id);
    rows.set(row.id, { ...row, lastUsedAt: ++time });
  };
  const take = (doomed: ClientSessionRecord[]) => {
    for (const { id } of doomed) rows.delete(id);
    return doomed;
  };
  let isOld = (_row: ClientSessionRecord) => false;
  return {
    async insert(session, { maxPerCaller }) {
      use(session);
      const own = [...rows.values()].filter(row => row.caller === session.caller);
      return take(own.slice(0, Math.max(0, own.length - maxPerCaller)));
    },
    get: async id => rows.get(id),
    async touch(ids) {
      for (const id of ids) {
        const row = rows.get(id);
        if (row) use(row);
      }
    },
    end: async id => rows.delete(id),
    endUnused: async () => take([...rows.values()].filter(isOld)),
    forgetUse() {
      const until = time;
      isOld = row => row.lastUsedAt <= until;
    },
  };
}
