import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { AppError } from '../../../errors/app-error.ts';
import type { Manifest } from './boxd.ts';
import { exec, type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const filesOf = ({ entries }: Manifest) => entries.filter(({ type }) => type === 'file');

describe('checkpoint', () => {
  let box: StartedBoxd;
  let other: StartedBoxd;
  before(async () => {
    [box, other] = await Promise.all([startBoxd(), startBoxd()]);
    const at = (path: string) => join(box.files, path);
    mkdirSync(at('dir/deep'), { recursive: true });
    mkdirSync(at('empty'));
    writeFileSync(at('dir/deep/a.txt'), 'content of a');
    writeFileSync(at('dir-b'), 'sorts before dir/deep');
    writeFileSync(at('run.sh'), '#!/bin/sh\n');
    chmodSync(at('run.sh'), 0o4755);
    writeFileSync(at('secret'), 'not readable by mode');
    chmodSync(at('secret'), 0o000);
    writeFileSync(at('nothing'), '');
    writeFileSync(at('big'), Buffer.alloc(1_500_000, 'big '));
    symlinkSync('/etc/passwd', at('link'));
    symlinkSync('dir', at('dir-link'));
    utimesSync(at('run.sh'), 1_000_000, 1_234_567.5);
    utimesSync(at('empty'), 1_000_000, 1_000_000);
    await shell(box.boxd, 'mkfifo pipe; printf raw > "$(printf "b\\377")"; chmod 1777 empty');
    const version = (
      await exec(box.boxd, ['/usr/bin/python3', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
    ).stdout;
    const site = join(box.env, 'python/lib', `python${version.trim()}`, 'site-packages');
    mkdirSync(join(site, 'top_pkg-2.0.dist-info'), { recursive: true });
    writeFileSync(join(site, 'top_pkg-2.0.dist-info/METADATA'), 'Metadata-Version: 2.1\nName: Top-Pkg\nVersion: 2.0\n');
    mkdirSync(join(site, 'plain-1.1.dist-info'));
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test('a manifest has every entry of both roots in order, with hashes, without setuid and special files', async () => {
    const manifest = await box.boxd.manifest();
    assert.deepEqual(manifest.installedPackages, ['Top-Pkg==2.0', 'plain==1.1']);
    const mine = manifest.entries.filter(({ root }) => root === 'workspace');
    const expected = [
      'big',
      'b\udcff',
      'dir',
      'dir-b',
      'dir-link',
      'dir/deep',
      'dir/deep/a.txt',
      'empty',
      'link',
      'nothing',
      'run.sh',
      'secret',
    ];
    assert.deepEqual(
      mine.map(({ path }) => path),
      expected,
    );
    const of = (path: string) => mine.find(entry => entry.path === path);
    assert.deepEqual([of('run.sh')?.mode, of('run.sh')?.modifiedAtNs], [0o755, '1234567500000000']);
    assert.equal(of('empty')?.mode, 0o1777);
    assert.deepEqual([of('link')?.type, of('link')?.target], ['symlink', '/etc/passwd']);
    assert.deepEqual([of('big')?.sizeBytes, of('big')?.sha256], [1_500_000, sha256(Buffer.alloc(1_500_000, 'big '))]);
    assert.equal(of('secret')?.sha256, sha256('not readable by mode'));
    assert.equal(lstatSync(join(box.files, 'secret')).mode & 0o777, 0);
    assert.deepEqual(await box.boxd.manifest(), manifest);
  });

  test('restoring replaces all files by those of the manifest', async () => {
    const manifest = await box.boxd.manifest();
    await shell(
      other.boxd,
      'mkdir -p old/deep dir; echo x > old/deep/f; chmod 000 old/deep; echo y > dir/deep; ln -s /etc etc; mkfifo p',
    );
    await shell(other.boxd, 'for i in $(seq 300); do mkdir d; cd d; done; echo bottom > f');
    const through: Manifest = JSON.parse(JSON.stringify(manifest));
    await other.boxd.restore(through, await box.boxd.pack(filesOf(manifest)));
    assert.deepEqual(await other.boxd.manifest(), manifest);
    assert.equal(readFileSync(join(other.files, 'dir/deep/a.txt'), 'utf8'), 'content of a');
    assert.equal(lstatSync(join(other.files, 'empty')).mode & 0o7777, 0o1777);
    assert.deepEqual(
      readdirSync(other.files).filter(name => ['old', 'etc', 'p', 'd'].includes(name)),
      [],
    );
    assert.equal((await shell(other.boxd, 'cat dir-link/deep/a.txt')).stdout, 'content of a');
  });

  test('restoring an empty manifest empties both roots', async () => {
    await using fresh = await startBoxd();
    await shell(fresh.boxd, 'echo x > f');
    await fresh.boxd.restore({ entries: [], installedPackages: [] }, Readable.from([]));
    assert.deepEqual([readdirSync(fresh.files), readdirSync(fresh.env)], [[], []]);
  });

  test('contents that are damaged, too short or too long are refused', async () => {
    await using fresh = await startBoxd();
    const entry = {
      root: 'workspace' as const,
      path: 'f',
      type: 'file' as const,
      mode: 0o644,
      modifiedAtNs: '0',
      sizeBytes: 3,
    };
    const manifest = { entries: [{ ...entry, sha256: sha256('abc') }], installedPackages: [] };
    const restore = (text: string) => fresh.boxd.restore(manifest, Readable.from([Buffer.from(text)]));
    await assert.rejects(restore('abd'), { code: 'INTERNAL_ERROR' });
    await assert.rejects(restore('ab'), { code: 'VALIDATION_ERROR' });
    await assert.rejects(restore('abcd'), { code: 'VALIDATION_ERROR' });
    await restore('abc');
    assert.equal(readFileSync(join(fresh.files, 'f'), 'utf8'), 'abc');
  });

  test('a manifest that names places outside is refused and nothing is removed for it', async () => {
    await using fresh = await startBoxd();
    await shell(fresh.boxd, 'echo kept > kept');
    const entry = { root: 'workspace' as const, type: 'dir' as const, mode: 0o755, modifiedAtNs: '0', sizeBytes: 0 };
    for (const path of ['../x', '/x', 'a/../../x', '', 'a//b', '.']) {
      const manifest = { entries: [{ ...entry, path }], installedPackages: [] };
      await assert.rejects(fresh.boxd.restore(manifest, Readable.from([])), { code: 'VALIDATION_ERROR' });
    }
    const throughLink = {
      entries: [
        { ...entry, path: 'l', type: 'symlink' as const, target: fresh.directory },
        { ...entry, path: 'l/escaped' },
      ],
      installedPackages: [],
    };
    assert.deepEqual(readdirSync(fresh.files), ['kept']);
    await assert.rejects(fresh.boxd.restore(throughLink, Readable.from([])));
    assert.deepEqual(readdirSync(fresh.directory).sort(), ['env', 'files']);
  });

  test('contents that fail on the way stop the restore', async () => {
    await using fresh = await startBoxd();
    const entry = {
      root: 'workspace' as const,
      path: 'f',
      type: 'file' as const,
      mode: 0o644,
      modifiedAtNs: '0',
      sizeBytes: 9,
    };
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('abc');
        throw new Error('blob is gone');
      })(),
    );
    await assert.rejects(fresh.boxd.restore({ entries: [entry], installedPackages: [] }, failing), /blob is gone/);
    assert.equal((await shell(fresh.boxd, 'echo on')).stdout, 'on\n');
  });

  test('a file that changed or went away since the manifest ends the pack', async () => {
    const gather = async (files: Parameters<typeof box.boxd.pack>[0]) => {
      for await (const _ of await box.boxd.pack(files));
    };
    await assert.rejects(gather([{ root: 'workspace', path: 'dir-b', sizeBytes: 1 }]), { code: 'FILE_CHANGED' });
    await assert.rejects(gather(['absent']), { code: 'FILE_CHANGED' });
    await assert.rejects(gather(['link']), { code: 'FILE_CHANGED' });
    await assert.rejects(gather(['dir-link/deep/a.txt']), { code: 'FILE_CHANGED' });
  });

  test('a manifest of files that are replaced all the time is whole, or says that they changed', async () => {
    await using busy = await startBoxd();
    const churn =
      'mkdir sub; until [ -e stop ]; do ln -s x next; mv -T next link; echo > sub/f; mv sub/f g; mv sub other; mv other sub; done';
    const running = shell(busy.boxd, churn);
    const codes = new Set<string>();
    for (let turn = 0; turn < 100; turn += 1) {
      await busy.boxd
        .manifest()
        .catch((error: unknown) => codes.add(error instanceof AppError ? error.code : String(error)));
    }
    await shell(busy.boxd, 'touch stop');
    await running;
    assert.deepEqual(
      [...codes].filter(code => code !== 'FILE_CHANGED'),
      [],
    );
    assert.ok(await busy.boxd.manifest());
  });

  test('three thousand files survive a checkpoint', async () => {
    await using many = await startBoxd();
    await shell(
      many.boxd,
      'for d in $(seq 10); do mkdir $d; (cd $d; for f in $(seq 300); do echo "$d $f" > $f; done); done',
    );
    const manifest = await many.boxd.manifest();
    assert.equal(filesOf(manifest).length, 3_000);
    await using copy = await startBoxd();
    await copy.boxd.restore(manifest, await many.boxd.pack(filesOf(manifest)));
    assert.deepEqual(await copy.boxd.manifest(), manifest);
  });
});
