import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { siteOf } from './parts.ts';

describe('the site of a worker', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-site-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('is that of machine and directory', async () => {
    const file = join(directory, 'machine-id');
    await writeFile(file, 'abc\n');
    assert.equal(await siteOf('/a', file), await siteOf('/a', file));
    assert.notEqual(await siteOf('/a', file), await siteOf('/b', file));
  });

  it('differs between containers, which have no machine id and one path, and lasts as long as their volume', async () => {
    const [one, other] = [join(directory, 'no-id'), join(directory, 'empty-id')];
    await writeFile(other, '');
    const sites = await Promise.all(
      Array.from({ length: 8 }, async () => await siteOf(directory, one)).concat(siteOf(directory, other)),
    );
    assert.equal(new Set(sites).size, 1);
    const elsewhere = await mkdtemp(join(tmpdir(), 'boxswain-site-'));
    assert.notEqual(await siteOf(elsewhere, one), sites[0]);
    assert.deepEqual(await readdir(elsewhere), ['site']);
    await rm(elsewhere, { recursive: true });
  });
});
