import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../log/log.ts';
import { Outbox } from './outbox.ts';

describe('the outbox', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-outbox-'));
  });
  after(() => rm(directory, { recursive: true }));

  const report = (body: string) => ({ workspace: 'ws_1', verb: 'run.ended', key: null, body });
  const open = (name: string) => new Outbox({ path: join(directory, name), log: silentLog });

  it('has for the next process what was put in and not dropped, in order', () => {
    const first = open('kept.db');
    const ids = ['a', 'b', 'c'].map(body => first.put(report(body)));
    first.drop(ids[1] ?? 0);
    assert.equal(first.body(ids[0] ?? 0), 'a');
    assert.equal(first.body(ids[1] ?? 0), undefined);
    first.close();
    const second = open('kept.db');
    assert.deepEqual(
      second.left().map(({ body, workspace, verb, key }) => [body, workspace, verb, key]),
      [
        ['a', 'ws_1', 'run.ended', null],
        ['c', 'ws_1', 'run.ended', null],
      ],
    );
    second.close();
  });

  it('makes no file before there is a report, and leaves none when all were dropped', () => {
    const outbox = open('empty.db');
    assert.deepEqual(outbox.left(), []);
    assert.ok(outbox.isWritable());
    assert.ok(!existsSync(join(directory, 'empty.db')));
    outbox.drop(outbox.put(report('x')));
    outbox.close();
    assert.ok(!existsSync(join(directory, 'empty.db')));
  });

  it('sets aside what it cannot read, and goes on', async () => {
    await writeFile(join(directory, 'torn.db'), 'this is no database, '.repeat(400));
    const outbox = open('torn.db');
    assert.deepEqual(outbox.left(), []);
    assert.ok(existsSync(join(directory, 'torn.db.unreadable')));
    assert.equal(outbox.body(outbox.put(report('x'))), 'x');
    outbox.close();
  });

  it('is not shared with another process that has the same name', () => {
    const outbox = open('shared.db');
    outbox.put(report('x'));
    assert.throws(() => open('shared.db').left(), /another process/);
    outbox.close();
  });
});
