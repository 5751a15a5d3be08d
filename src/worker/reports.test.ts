import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { z } from 'zod';
import { eventually } from '../../test/support/eventually.ts';
import type { Blobs } from '../blobs/blobs.ts';
import { createDirectoryBlobs } from '../blobs/directory.ts';
import { createInProcessBus } from '../fabric/in-process.ts';
import { AppError } from '../errors/app-error.ts';
import { silentLog } from '../log/log.ts';
import { decodeMessage, encodeMessage } from '../protocol/envelope.ts';
import { Outbox } from './outbox.ts';
import { Reports } from './reports.ts';

const MIB = 1024 * 1024;
const requestSchema = z.object({ body: z.object({ generation: z.number(), workspaceId: z.string() }) });

describe('reports', () => {
  let directory: string;
  let blobs: Blobs;
  let bus = createInProcessBus();
  let heard: { generation: number; workspaceId: string }[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-reports-'));
    blobs = await createDirectoryBlobs(join(directory, 'blobs'));
    bus = createInProcessBus({ onError: () => {} });
    heard = [];
  });
  afterEach(() => rm(directory, { recursive: true }));

  const changed = (generation: number, workspaceId = 'ws_1', reason: string | null = null) =>
    ({ workspaceId, epoch: 1, generation, state: 'ready', reason }) as const;
  const open = (storeAfterMs = 0) => {
    const link = { fabric: bus.connect({ worker: 'w1' }), blobs };
    const outbox = new Outbox({ path: join(directory, 'outbox.db'), log: silentLog });
    return { link, reports: new Reports({ link, log: silentLog, outbox, storeAfterMs }) };
  };
  /** A hub that hears reports and, unless it fails, acknowledges them. */
  const serve = async ({ fails = false } = {}) => {
    const hub = bus.connect({ hub: 'h1' });
    await hub.serve({ hub: 'any' }, async bytes => {
      if (fails)
        return await encodeMessage({ ok: false, error: new AppError('INTERNAL_ERROR', 'a fault').toShape() }, blobs);
      heard.push(requestSchema.parse(await decodeMessage(bytes, blobs)).body);
      return await encodeMessage({ ok: true, body: {} }, blobs);
    });
  };

  it('that no hub has heard are told by the next process, before it does anything else', async () => {
    const first = open();
    for (const generation of [1, 2]) first.reports.send('box.changed', changed(generation));
    first.reports.close();
    await first.link.fabric.close();
    await serve();
    const { reports } = open();
    await reports.drain(new AbortController().signal);
    assert.deepEqual(new Set(heard.map(({ generation }) => generation)), new Set([1, 2]));
    assert.equal(reports.pending, 0);
    reports.close();
    assert.deepEqual(new Outbox({ path: join(directory, 'outbox.db'), log: silentLog }).left(), []);
  });

  it('wait until a hub is there, and only the newest of a key is sent', async () => {
    const { reports } = open(5);
    for (const generation of [1, 2, 3]) reports.send('box.changed', changed(generation), { key: 'box' });
    await serve();
    await eventually(() => reports.pending === 0);
    assert.deepEqual(
      heard.map(({ generation }) => generation),
      [1, 3],
    );
    reports.close();
  });

  it('do not keep a worker from joining for ever when hubs cannot take one', async () => {
    const first = open();
    first.reports.send('box.changed', changed(1));
    first.reports.close();
    await first.link.fabric.close();
    await serve({ fails: true });
    const { reports } = open();
    await reports.drain(new AbortController().signal);
    assert.equal(reports.pending, 1);
    reports.close();
  });

  it('of one workspace have a bound, beyond which it takes no more work; others go on', async () => {
    const { reports } = open();
    for (let i = 0; i < 64; i += 1) reports.send('box.changed', changed(i, 'ws_loud', 'x'.repeat(MIB)));
    assert.deepEqual(
      [reports.refusal('ws_loud')?.code, reports.refusal('ws_loud')?.details.reason],
      ['CAPACITY_EXCEEDED', 'outbox_full'],
    );
    assert.equal(reports.refusal('ws_1'), undefined);
    await serve();
    await reports.recordable('ws_loud', AbortSignal.timeout(30_000));
    await eventually(() => reports.pending === 0, 30_000);
    assert.equal(heard.length, 64);
    reports.close();
  });
});
