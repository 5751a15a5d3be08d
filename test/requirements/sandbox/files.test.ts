import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { verifications } from './verify.ts';

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

verifications('files', ({ overMcp, overTwo }) => {
  overMcp('tool.fs_write', async ({ ok, workspaceId }) => {
    const written = await ok('fs_write', { path: 'deep/er/a.txt', content: 'héllo\n' });
    assert.deepEqual(written, {
      workspace_id: workspaceId,
      path: 'deep/er/a.txt',
      bytes_written: 7,
      created: true,
      sha256: sha256('héllo\n'),
    });
    assert.equal((await ok('fs_write', { path: 'deep/er/a.txt', content: 'x' })).created, false);
  });

  overMcp('tool.fs_read', async ({ ok }) => {
    await ok('fs_write', { path: 'a.txt', content: '0123456789' });
    const first = await ok('fs_read', { path: 'a.txt', limit: 4 });
    assert.equal(first.content, '0123');
    assert.equal(first.next_offset, 4);
    assert.equal(first.truncated, true);
    assert.equal(first.size_bytes, 10);
    assert.equal(first.sha256, sha256('0123456789'));
    assert.match(String(first.modified_at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const rest = await ok('fs_read', { path: 'a.txt', offset: 4, encoding: 'base64' });
    assert.equal(Buffer.from(String(rest.content), 'base64').toString(), '456789');
    assert.equal(rest.next_offset, null);
    assert.equal(rest.truncated, false);
    assert.equal(rest.bytes_read, 6);
  });

  overMcp('tool.fs_edit', async ({ ok }) => {
    await ok('fs_write', { path: 'a.py', content: 'x = 1\ny = 1\n' });
    const edits = [
      { search: 'x = 1', replace: 'x = 2' },
      { search: 'x = 2', replace: 'x = 3' },
    ];
    const tried = await ok('fs_edit', { path: 'a.py', edits, dry_run: true });
    assert.match(String(tried.diff), /\+x = 3/);
    assert.equal((await ok('fs_read', { path: 'a.py' })).content, 'x = 1\ny = 1\n');
    const done = await ok('fs_edit', { path: 'a.py', edits });
    assert.equal(done.replacements, 2);
    assert.equal((await ok('fs_read', { path: 'a.py' })).content, 'x = 3\ny = 1\n');
    const all = await ok('fs_edit', { path: 'a.py', edits: [{ search: '= ', replace: ': ', replace_all: true }] });
    assert.equal(all.replacements, 2);
  });

  overMcp('tool.fs_list', async ({ ok }) => {
    for (const path of ['src/b.py', 'src/a.py', 'src/deep/c.py', 'z.md']) await ok('fs_write', { path, content: 'x' });
    const top = await ok('fs_list', {});
    assert.deepEqual(pathsOf(top), ['artifacts', 'src', 'z.md']);
    const python = await ok('fs_list', { recursive: true, glob: '**/*.py' });
    assert.deepEqual(pathsOf(python), ['src/a.py', 'src/b.py', 'src/deep/c.py']);
    const page = await ok('fs_list', { path: 'src', recursive: true, limit: 2 });
    assert.equal(page.truncated, true);
    assert.equal(page.total_count, 4);
    const next = await ok('fs_list', { path: 'src', recursive: true, limit: 2, cursor: page.next_cursor });
    assert.deepEqual([...pathsOf(page), ...pathsOf(next)], ['src/a.py', 'src/b.py', 'src/deep', 'src/deep/c.py']);
    assert.equal(next.next_cursor, null);
  });

  overTwo('files.paths', async ({ ok, fails }) => {
    await ok('fs_write', { path: '/workspace/..foo', content: 'one' });
    assert.equal((await ok('fs_read', { path: 'artifacts/../..foo' })).content, 'one');
    for (const path of [
      '../x',
      'a/../../x',
      '/etc/passwd',
      '/workspace/../etc/passwd',
      `a${'b'.repeat(5000)}`,
      'a\u0000b',
    ]) {
      const error = await fails('fs_read', { path });
      assert.equal(error.code, 'PATH_INVALID', path);
    }
  });

  overTwo('files.symlinks', async ({ ok, fails }) => {
    await ok('run_command', {
      command: 'ln -s /etc/passwd out; ln -s / root; ln -s artifacts in; ln -s loop loop; echo hi > artifacts/f',
    });
    for (const path of ['out', 'root/etc/passwd', 'loop'])
      assert.equal((await fails('fs_read', { path })).code, 'PATH_INVALID', path);
    assert.match((await fails('fs_read', { path: 'out' })).message, /^path leaves the workspace: out$/);
    assert.equal((await fails('fs_write', { path: 'root/tmp/x', content: 'x' })).code, 'PATH_INVALID');
    assert.equal((await ok('fs_read', { path: 'in/f' })).content, 'hi\n');
    assert.equal((await fails('run_python', { file: 'out' })).code, 'PATH_INVALID');
    assert.equal((await fails('artifact_upload', { path: 'out' })).code, 'PATH_INVALID');
  });

  overTwo('files.utf8', async ({ ok, fails }) => {
    const text = '€uro ✓ '.repeat(7);
    await ok('fs_write', { path: 'u.txt', content: text });
    let offset: number | null = 0;
    let whole = '';
    while (offset !== null) {
      const slice: Record<string, unknown> = await ok('fs_read', { path: 'u.txt', offset, limit: 7 });
      whole += slice.content;
      offset = typeof slice.next_offset === 'number' ? slice.next_offset : null;
    }
    assert.equal(whole, text);
    await ok('fs_write', {
      path: 'b.bin',
      content: Buffer.from([0xff, 0xfe, 0x00]).toString('base64'),
      encoding: 'base64',
    });
    assert.equal((await fails('fs_read', { path: 'b.bin' })).code, 'NOT_TEXT');
  });

  overMcp('files.contents', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'a', contents: 'same' });
    assert.equal((await ok('fs_read', { path: 'a' })).content, 'same');
    await ok('fs_write', { path: 'a', content: 'same', contents: 'same' });
    assert.equal((await fails('fs_write', { path: 'a', content: 'one', contents: 'two' })).code, 'VALIDATION_ERROR');
  });

  overTwo('files.if_sha256', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'a', content: 'one' });
    await ok('fs_write', { path: 'a', content: 'two', if_sha256: sha256('one') });
    assert.equal(
      (await fails('fs_write', { path: 'a', content: 'three', if_sha256: sha256('one') })).code,
      'FILE_CHANGED',
    );
    const edits = [{ search: 'two', replace: 'x' }];
    assert.equal((await fails('fs_edit', { path: 'a', edits, if_sha256: sha256('one') })).code, 'FILE_CHANGED');
    assert.equal((await ok('fs_read', { path: 'a' })).content, 'two');
  });

  overTwo('files.edit_errors', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'a', content: 'x x y' });
    const absent = await fails('fs_edit', {
      path: 'a',
      edits: [
        { search: 'y', replace: 'z' },
        { search: 'q', replace: '' },
      ],
    });
    assert.equal(absent.code, 'EDIT_NO_MATCH');
    const ambiguous = await fails('fs_edit', { path: 'a', edits: [{ search: 'x', replace: 'z' }] });
    assert.equal(ambiguous.code, 'EDIT_AMBIGUOUS');
    assert.match(ambiguous.message, /2/);
    assert.equal((await ok('fs_read', { path: 'a' })).content, 'x x y');
  });

  overTwo('files.list_rules', async ({ ok }) => {
    await ok('run_command', { command: 'mkdir d; touch d/f Z a é; ln -s d link; mkfifo pipe' });
    const listed = await ok('fs_list', { recursive: true });
    assert.deepEqual(pathsOf(listed), ['Z', 'a', 'artifacts', 'd', 'd/f', 'link', 'pipe', 'é']);
    const types = Object.fromEntries(entriesOf(listed).map(entry => [entry.path, entry.type]));
    assert.equal(types.link, 'symlink');
    assert.equal(types.pipe, 'other');
  });

  overMcp('files.texts', async ({ call }) => {
    assert.deepEqual((await call('fs_write', { path: 'dir/a.txt', content: 'hello' })).text, [
      'Wrote 5 bytes to dir/a.txt',
    ]);
    assert.equal((await call('fs_read', { path: 'dir/a.txt' })).text[0], 'hello');
    assert.equal((await call('fs_list', { path: 'dir' })).text[0], 'a.txt (file, 5 bytes)');
    assert.match((await call('fs_list', { recursive: true })).text[0] ?? '', /^dir\/a\.txt \(file, 5 bytes\)$/m);
    const cut = await call('fs_read', { path: 'dir/a.txt', limit: 2 });
    assert.equal(cut.text.length, 2);
    assert.match(cut.text[1] ?? '', /offset/);
  });

  overMcp('error.PATH_INVALID', async ({ ok, fails }) => {
    await ok('run_command', { command: 'ln -s /etc out' });
    assert.equal(
      (await fails('fs_read', { path: '/etc/x' })).message,
      'path must be relative to workspace root, got absolute path: /etc/x',
    );
    assert.equal((await fails('fs_read', { path: '../x' })).message, 'path traversal not allowed: ../x');
    assert.equal((await fails('fs_read', { path: 'out/passwd' })).message, 'path leaves the workspace: out/passwd');
  });

  overTwo('error.WRONG_FILE_TYPE', async ({ ok, fails }) => {
    const directory = await fails('fs_read', { path: 'artifacts' });
    assert.equal(directory.code, 'WRONG_FILE_TYPE');
    assert.match(directory.message, /artifacts/);
    await ok('run_command', { command: 'mkfifo pipe' });
    assert.equal((await fails('fs_read', { path: 'pipe' })).code, 'WRONG_FILE_TYPE');
    const large = await fails('fs_write', { path: 'big', content: 'x'.repeat(3 * 1024 * 1024 + 1) });
    assert.equal(large.code, 'FILE_TOO_LARGE');
    assert.match(large.message, /big/);
    await ok('fs_write', { path: 'full', content: 'x'.repeat(3 * 1024 * 1024) });
  });

  overTwo('error.EDIT', async ({ ok, fails }) => {
    await ok('fs_write', { path: 'a', content: 'a a' });
    const second = {
      path: 'a',
      edits: [
        { search: 'a a', replace: 'b b' },
        { search: 'b', replace: 'c' },
      ],
    };
    const error = await fails('fs_edit', second);
    assert.equal(error.code, 'EDIT_AMBIGUOUS');
    assert.match(error.message, /edits\[1\].*2 times/);
    assert.equal((await fails('fs_edit', { path: 'a', edits: [{ search: 'zz', replace: '' }] })).code, 'EDIT_NO_MATCH');
    assert.equal(
      (await fails('fs_edit', { path: 'a', edits: [{ search: 'a a', replace: '' }], if_sha256: '0'.repeat(64) })).code,
      'FILE_CHANGED',
    );
  });

  overMcp('failure.02', async ({ ok, peer }) => {
    const { tools } = await peer.client.listTools();
    const schema = tools.find(tool => tool.name === 'fs_write')?.inputSchema;
    assert.ok(schema?.required?.includes('content'));
    await ok('fs_write', { path: 'a', content: 'schema' });
    await ok('fs_write', { path: 'b', contents: 'earlier' });
    assert.equal((await ok('fs_read', { path: 'b' })).content, 'earlier');
  });

  overTwo('golden.M6', async ({ ok, peer }) => {
    await ok('fs_write', { path: 'only-here.txt', content: 'a' });
    const other = await peer.ok('workspace_create', {});
    const error = await peer.fails('fs_read', { workspace_id: other.workspace_id, path: 'only-here.txt' });
    assert.equal(error.code, 'FILE_NOT_FOUND');
    await peer.ok('workspace_delete', { workspace_id: other.workspace_id });
  });

  overTwo('failure.12', async ({ ok, fails }) => {
    for (const exit of [0, 3]) {
      const run = await ok('run_command', { command: `echo out; echo err >&2; exit ${exit}` });
      assert.equal(run.stdout, 'out\n');
      assert.equal(run.stderr, 'err\n');
      assert.equal(run.exit_code, exit);
    }
    assert.equal(
      (await fails('run_python', { code: '1', file: 'a.py' })).message,
      "must provide either 'code' or 'file' parameter",
    );
    await ok('run_command', { command: 'ln -s /usr/bin/python3 linked.py' });
    for (const file of ['../x.py', 'linked.py', '/etc/passwd']) {
      assert.equal((await fails('run_python', { file })).code, 'PATH_INVALID', file);
    }
  });

  overTwo('error.DISK_FULL', async ({ peer }) => {
    const created = await peer.ok('workspace_create', { limits: { disk_mb: 16, allow_soft: true } });
    const workspace_id = created.workspace_id;
    const fill = await peer.ok('run_command', { workspace_id, command: 'head -c 40000000 /dev/zero > big' });
    assert.notEqual(fill.exit_code, 0);
    assert.equal(fill.limit_hit, 'disk');
    const error = await peer.fails('fs_write', {
      workspace_id,
      path: 'more',
      content: randomBytes(2_000_000).toString('base64'),
    });
    assert.equal(error.code, 'DISK_FULL');
    assert.match(error.message, /disk_mb|16/);
    await peer.ok('run_command', { workspace_id, command: 'rm big' });
    await peer.ok('fs_write', { workspace_id, path: 'more', content: 'fits' });
    await peer.ok('workspace_delete', { workspace_id });
  });
});

interface Entry {
  path: string;
  type: string;
}

function entriesOf(output: Record<string, unknown>): Entry[] {
  assert.ok(Array.isArray(output.entries));
  return output.entries.map(entry => ({ path: String(entry.path), type: String(entry.type) }));
}

const pathsOf = (output: Record<string, unknown>): string[] => entriesOf(output).map(entry => entry.path);
