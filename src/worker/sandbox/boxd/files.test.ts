import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const gather = async (stream: Readable) => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

describe('files', () => {
  let box: StartedBoxd;
  const at = (path: string) => join(box.files, path);
  const read = async (path: string, offset = 0, limit = 1 << 20) => box.boxd.read({ path, offset, limit });
  const text = async (path: string) => Buffer.from((await read(path)).bytes).toString();
  const write = (path: string, bytes: string | Uint8Array, more: object = {}) =>
    box.boxd.write({ path, bytes: Buffer.from(bytes), createDirs: true, ...more });
  const list = (more: object) => box.boxd.list({ path: '', recursive: false, limit: 1000, ...more });
  const paths = async (more: object) => (await list(more)).entries.map(({ path }) => path);

  before(async () => {
    box = await startBoxd();
  });
  after(() => box[Symbol.asyncDispose]());

  test('what was written is read, with its size, hash and time', async () => {
    const before = Date.now();
    const written = await write('a/b/c.txt', 'hello');
    assert.deepEqual(written, { bytesWritten: 5, created: true, sha256: sha256('hello') });
    const slice = await read('a/b/c.txt', 1, 3);
    assert.equal(Buffer.from(slice.bytes).toString(), 'ell');
    assert.deepEqual([slice.path, slice.sizeBytes, slice.sha256], ['a/b/c.txt', 5, sha256('hello')]);
    assert.ok(Math.abs(slice.modifiedAtMs - before) < 60_000);
    assert.equal((await write('a/b/c.txt', 'new')).created, false);
    assert.equal(await text('a/b/c.txt'), 'new');
  });

  test('an empty file, and an offset beyond the end, give no bytes', async () => {
    await write('empty', '');
    assert.equal((await read('empty')).bytes.byteLength, 0);
    assert.equal((await read('a/b/c.txt', 99)).bytes.byteLength, 0);
    assert.equal((await read('a/b/c.txt', 2 ** 52)).bytes.byteLength, 0);
  });

  test('/workspace, detours and odd names are legal', async () => {
    await write('..foo', 'odd');
    for (const path of [
      '..foo',
      '/workspace/..foo',
      'a/../..foo',
      './/..foo',
      'nowhere/../..foo',
      '//workspace/./..foo',
    ]) {
      assert.equal(await text(path), 'odd', path);
    }
    assert.equal((await read('/workspace/a/../..foo')).path, '..foo');
    for (const name of ['späce ☃.txt', 'new\nline', '-dash', 'back\\slash', '*']) {
      await write(name, name);
      assert.equal(await text(name), name);
    }
  });

  test('paths that cannot be are refused with the words of the contract', async () => {
    const refused: [string, string][] = [
      ['/etc/passwd', 'path must be relative to workspace root, got absolute path: /etc/passwd'],
      ['/workspaces', 'path must be relative to workspace root, got absolute path: /workspaces'],
      ['../x', 'path traversal not allowed: ../x'],
      ['a/../../x', 'path traversal not allowed: a/../../x'],
      ['/workspace/../etc/passwd', 'path traversal not allowed: /workspace/../etc/passwd'],
      ['a\0b', 'path must not contain a NUL byte'],
      ['x'.repeat(4097), 'path is longer than 4096 bytes'],
      ['\ud800', 'path is not valid text'],
    ];
    for (const [path, message] of refused) {
      await assert.rejects(read(path), { code: 'PATH_INVALID', message });
      await assert.rejects(write(path, 'x'), { code: 'PATH_INVALID', message });
      await assert.rejects(list({ path }), { code: 'PATH_INVALID', message });
    }
    await assert.rejects(write('x'.repeat(300), ''), { code: 'PATH_INVALID' });
  });

  test('links within the workspace are followed, links out of it are not', async () => {
    await write('target/file', 'inside');
    symlinkSync('target', at('dir-link'));
    symlinkSync('../target/../target/file', at('target/roundabout'));
    symlinkSync('/workspace/target/file', at('absolute'));
    for (const path of ['dir-link/file', 'target/roundabout', 'absolute']) assert.equal(await text(path), 'inside');
    symlinkSync('/etc/hostname', at('out'));
    symlinkSync('../../../../../etc', at('target/up'));
    symlinkSync('loop', at('loop'));
    for (const path of ['out', 'target/up/hostname', 'target/up']) {
      await assert.rejects(read(path), { code: 'PATH_INVALID', message: `path leaves the workspace: ${path}` });
      await assert.rejects(write(path, 'x'), { code: 'PATH_INVALID', message: `path leaves the workspace: ${path}` });
      await assert.rejects(box.boxd.open(path, { maxBytes: 100 }), { code: 'PATH_INVALID' });
    }
    await assert.rejects(read('loop'), { message: 'too many symbolic links: loop' });
  });

  test('a write through a link changes what it leads to, also when that is not there yet', async () => {
    symlinkSync('target/via-link', at('dangling'));
    assert.equal((await write('dangling', 'made')).created, true);
    assert.equal(readFileSync(at('target/via-link'), 'utf8'), 'made');
    assert.equal((await list({ path: '' })).entries.find(({ name }) => name === 'dangling')?.type, 'symlink');
  });

  test('what is no regular file is told apart', async () => {
    await shell(box.boxd, 'mkfifo pipe; mkdir -p folder');
    await assert.rejects(read('folder'), { code: 'WRONG_FILE_TYPE', message: /folder \(directory/ });
    await assert.rejects(read(''), { code: 'WRONG_FILE_TYPE' });
    await assert.rejects(read('pipe'), { code: 'WRONG_FILE_TYPE', message: /pipe \(special file/ });
    await assert.rejects(write('pipe', 'x'), { code: 'WRONG_FILE_TYPE' });
    await assert.rejects(write('folder', 'x'), { code: 'WRONG_FILE_TYPE' });
    await assert.rejects(read('absent'), { code: 'FILE_NOT_FOUND', message: 'File not found: absent' });
    await assert.rejects(read('a/b/c.txt/d'), { code: 'FILE_NOT_FOUND' });
    await assert.rejects(write('missing/x', 'x', { createDirs: false }), { code: 'FILE_NOT_FOUND' });
    await assert.rejects(list({ path: 'absent' }), { code: 'FILE_NOT_FOUND' });
    await assert.rejects(list({ path: '..foo' }), { code: 'WRONG_FILE_TYPE' });
  });

  test('a write keeps the mode, drops setuid, and leaves no temporary file', async () => {
    writeFileSync(at('script.sh'), 'x');
    chmodSync(at('script.sh'), 0o4755);
    await write('script.sh', 'y');
    assert.equal(statSync(at('script.sh')).mode & 0o7777, 0o755);
    assert.equal(statSync(at('..foo')).mode & 0o7777, 0o644);
    assert.deepEqual(
      readdirSync(box.files).filter(name => name.startsWith('.boxd')),
      [],
    );
  });

  test('a reader sees old or new bytes, never a mixture', async () => {
    const sizes = [200_000, 300_000];
    await write('swapped', Buffer.alloc(200_000, '0'));
    const writing = (async () => {
      for (let i = 0; i < 60; i += 1) await write('swapped', Buffer.alloc(sizes[i % 2] ?? 0, String(i % 2)));
    })();
    for (let i = 0; i < 60; i += 1) {
      const bytes = readFileSync(at('swapped'));
      assert.ok(sizes.includes(bytes.length) && bytes.every(byte => byte === bytes[0]));
      await delay(0);
    }
    await writing;
  });

  test('a hash that is asked for must be that of the file', async () => {
    await write('guarded', 'one');
    await write('guarded', 'two', { ifSha256: sha256('one') });
    await assert.rejects(write('guarded', 'three', { ifSha256: sha256('one') }), { code: 'FILE_CHANGED' });
    await assert.rejects(write('not-there', 'x', { ifSha256: sha256('') }), { code: 'FILE_CHANGED' });
    assert.equal(await text('guarded'), 'two');
  });

  test('the hash follows the file, also when size and moment stay the same', async () => {
    for (let i = 0; i < 20; i += 1) {
      writeFileSync(at('flicker'), String(i % 10));
      assert.equal((await read('flicker')).sha256, sha256(String(i % 10)));
    }
  });

  test('a large file is read in slices while other requests go on', async () => {
    writeFileSync(at('large'), Buffer.alloc(1000, 'L'));
    truncateSync(at('large'), 300_000_000);
    const slow = read('large', 0, 1000);
    const quick = await Promise.race([text('..foo'), slow.then(() => 'slow')]);
    assert.equal(quick, 'odd');
    const slice = await slow;
    assert.equal(Buffer.from(slice.bytes).toString(), 'L'.repeat(1000));
    assert.equal(slice.sizeBytes, 300_000_000);
    const again = await read('large', 299_999_000, 5000);
    assert.deepEqual([again.bytes.byteLength, again.sha256], [1000, slice.sha256]);
    const status = readFileSync(`/proc/${box.process.pid}/status`, 'utf8');
    assert.ok(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) < 100_000, 'boxd holds more than 100 MB');
  });

  test('a stream gives all bytes, and only regular files up to the cap', async () => {
    const bytes = Buffer.alloc(5_000_000, 'stream of bytes');
    writeFileSync(at('big'), bytes);
    assert.deepEqual(await gather(await box.boxd.open('big', { maxBytes: 5_000_000 })), bytes);
    assert.equal((await gather(await box.boxd.open('empty', { maxBytes: 0 }))).length, 0);
    await assert.rejects(box.boxd.open('big', { maxBytes: 4_999_999 }), { code: 'FILE_TOO_LARGE' });
    await assert.rejects(box.boxd.open('pipe', { maxBytes: 10 }), { code: 'WRONG_FILE_TYPE' });
  });

  test('a file too large to be hashed is refused at once, whatever part of it is asked for', async () => {
    writeFileSync(at('tib'), 'x');
    truncateSync(at('tib'), 2 ** 40);
    const tooLarge = { code: 'FILE_TOO_LARGE', message: /tib \(1099511627776 bytes\)/, hint: /run_command/ };
    await assert.rejects(read('tib', 0, 10), tooLarge);
    await assert.rejects(read('tib', 2 ** 39, 0), tooLarge);
    await assert.rejects(write('tib', 'new', { ifSha256: sha256('x') }), tooLarge);
    assert.equal((await write('tib', 'small')).created, false);
    assert.equal(await text('tib'), 'small');
  });

  test('a stream that nobody reads to its end does no harm', async () => {
    const stream = await box.boxd.open('large', { maxBytes: 1e9 });
    stream.destroy();
    assert.equal(await text('..foo'), 'odd');
  });

  test('a listing is sorted bytewise and goes on where it ended', async () => {
    mkdirSync(at('sorted'));
    for (const name of ['b', 'a-b', 'a/c', 'a', 'é', 'Z', '.hidden']) {
      if (name !== 'a') await write(`sorted/${name}`, name);
    }
    assert.deepEqual(
      await paths({ path: 'sorted' }),
      ['.hidden', 'Z', 'a', 'a-b', 'b', 'é'].map(name => `sorted/${name}`),
    );
    const deep = ['.hidden', 'Z', 'a', 'a-b', 'a/c', 'b', 'é'].map(name => `sorted/${name}`);
    assert.deepEqual(await paths({ path: 'sorted', recursive: true }), deep);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await list({ path: '/workspace/sorted/', recursive: true, limit: 3, after });
      assert.equal(page.totalCount, 7);
      found.push(...page.entries.map(({ path }) => path));
      after = page.nextAfter ?? undefined;
    } while (after !== undefined);
    assert.deepEqual(found, deep);
  });

  test('entries tell type and size; links are not followed, special files not opened', async () => {
    await shell(
      box.boxd,
      'mkdir kinds; cd kinds; mkdir d; echo hi > f; ln -s /etc l; ln -s d inner; mkfifo p; echo x > d/x',
    );
    const { entries } = await list({ path: 'kinds', recursive: true });
    assert.deepEqual(
      entries.map(({ name, path, type, sizeBytes }) => [name, path, type, sizeBytes]),
      [
        ['d', 'kinds/d', 'dir', 0],
        ['x', 'kinds/d/x', 'file', 2],
        ['f', 'kinds/f', 'file', 3],
        ['inner', 'kinds/inner', 'symlink', 1],
        ['l', 'kinds/l', 'symlink', 4],
        ['p', 'kinds/p', 'other', 0],
      ],
    );
    assert.deepEqual(await paths({ path: 'kinds/inner' }), ['kinds/inner/x']);
  });

  test('names that are no UTF-8 can be listed and used', async () => {
    await shell(box.boxd, 'mkdir bytes; echo raw > "$(printf "bytes/\\377x")"');
    const [path] = await paths({ path: 'bytes' });
    assert.ok(path);
    assert.equal(await text(path), 'raw\n');
  });

  test('a glob is anchored at the path; ** spans folders; without a slash a deep listing matches names', async () => {
    for (const name of ['x.py', 'y.txt', 'sub/z.py', 'sub/deep/w.py', 'sub/[1].py']) await write(`globs/${name}`, '');
    const glob = (glob: string, recursive = false) => paths({ path: 'globs', glob, recursive });
    assert.deepEqual(await glob('*.py'), ['globs/x.py']);
    assert.deepEqual(await glob('**/*.py'), [
      'globs/sub/[1].py',
      'globs/sub/deep/w.py',
      'globs/sub/z.py',
      'globs/x.py',
    ]);
    assert.deepEqual(await glob('sub/*.py'), ['globs/sub/[1].py', 'globs/sub/z.py']);
    assert.deepEqual(await glob('sub/**'), [
      'globs/sub',
      'globs/sub/[1].py',
      'globs/sub/deep',
      'globs/sub/deep/w.py',
      'globs/sub/z.py',
    ]);
    assert.deepEqual(await glob('?.[pt]*'), ['globs/x.py', 'globs/y.txt']);
    assert.deepEqual(await glob('[!x].*'), ['globs/y.txt']);
    assert.deepEqual(await glob('*.py', true), [
      'globs/sub/[1].py',
      'globs/sub/deep/w.py',
      'globs/sub/z.py',
      'globs/x.py',
    ]);
    assert.deepEqual(await glob('nothing'), []);
    await assert.rejects(glob('x'.repeat(1025)), { code: 'VALIDATION_ERROR' });
  });

  test('a glob made to be slow is not', async () => {
    await write('globs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '');
    assert.deepEqual(await paths({ path: 'globs', glob: `${'*a'.repeat(40)}*b` }), []);
    assert.deepEqual(await paths({ path: 'globs', glob: `${'**/'.repeat(200)}b` }), []);
  });

  test('30,000 files are listed and scanned while reads are answered', async () => {
    await shell(
      box.boxd,
      'mkdir -p many; cd many; for d in $(seq 30); do mkdir $d; (cd $d; seq 1000 | xargs touch); done',
      {
        timeoutMs: 60_000,
      },
    );
    const listing = list({ path: 'many', recursive: true, limit: 10_000 });
    const quick = await Promise.race([text('..foo'), listing.then(() => 'slow')]);
    assert.equal(quick, 'odd');
    const { totalCount, entries, nextAfter } = await listing;
    assert.deepEqual([totalCount, entries.length, nextAfter], [30_030, 10_000, entries.at(-1)?.path]);
    const scanned = await box.boxd.scan('many');
    assert.equal(scanned.length, 30_000);
    await shell(box.boxd, 'rm -rf many');
  });

  test('a scan gives regular files only, none of a folder that is absent or a link out', async () => {
    const found = await box.boxd.scan('kinds');
    assert.deepEqual(found.map(({ path, sizeBytes }) => [path, sizeBytes]).sort(), [
      ['kinds/d/x', 2],
      ['kinds/f', 3],
    ]);
    assert.equal(found.find(({ path }) => path === 'kinds/f')?.inode, statSync(at('kinds/f')).ino);
    assert.deepEqual(await box.boxd.scan('absent'), []);
    await assert.rejects(box.boxd.scan('out'), { code: 'PATH_INVALID' });
  });

  test('disk usage is told', async () => {
    const usage = await box.boxd.diskUsage();
    assert.ok(usage.usedBytes > 0 && usage.freeBytes > 0);
    await using limited = await startBoxd({ diskBytes: 1_000_000 });
    writeFileSync(join(limited.files, 'x'), Buffer.alloc(400_000));
    const soft = await limited.boxd.diskUsage();
    assert.ok(soft.usedBytes >= 400_000 && soft.usedBytes < 450_000);
    assert.equal(soft.usedBytes + soft.freeBytes, 1_000_000);
  });
});
