import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventually } from '../../../../test/support/eventually.ts';
import type { Boxd } from './boxd.ts';
import { exec, startBoxd } from './boxd-for-tests.ts';

const MARK = 'TALK_MARK';
let count = 0;

function talk(boxd: Boxd, script: string) {
  count += 1;
  const value = `${process.pid}-${count}`;
  const mark = `${MARK}=${value}`;
  return { mark, ...boxd.talk({ argv: ['/bin/bash', '-c', script], cwd: '', env: { [MARK]: value }, mark }) };
}

async function marked(mark: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async pid => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(mark) ? [pid] : [];
    }),
  );
  return found.flat();
}

test('a program answers what it is told, line by line, and ends when its input ends', async () => {
  await using box = await startBoxd();
  const { stdin, stdout, stderr, ended } = talk(
    box.boxd,
    'while read line; do echo "got $line"; done; echo bye >&2; exit 3',
  );
  const [first] = await Promise.all([once(stdout.setEncoding('utf8'), 'data'), stdin.write('one\n')]);
  assert.deepEqual(first, ['got one\n']);
  stdin.end('two\n');
  assert.deepEqual(await Promise.all([text(stdout), text(stderr)]), ['got two\n', 'bye\n']);
  assert.deepEqual(await ended, { exitCode: 3, signal: null });
});

test('every byte arrives in both directions, whatever the size of the pieces', async () => {
  await using box = await startBoxd();
  const piece = fc.integer({ min: 1, max: 700_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async sizes => {
      const { stdin, stdout, ended } = talk(box.boxd, 'exec cat');
      const pieces = sizes.map((size, at) => Buffer.alloc(size, at + 1));
      const heard = stdout.toArray();
      for (const bytes of pieces) if (!stdin.write(bytes)) await once(stdin, 'drain');
      stdin.end();
      assert.ok(Buffer.concat(await heard).equals(Buffer.concat(pieces)));
      assert.equal((await ended).exitCode, 0);
    }),
    { numRuns: 15 },
  );
});

test('a program that is not read stands still, and boxd goes on with everything else', async () => {
  await using box = await startBoxd();
  const written = 'written';
  const script = `for i in $(seq 64); do head -c 262144 /dev/zero; echo $i > ${written}; done`;
  const { stdout, ended } = talk(box.boxd, script);
  await once(stdout, 'readable');
  const soFar = async () => Number((await exec(box.boxd, ['cat', written])).stdout);
  await eventually(async () => (await soFar()) >= 4);
  // Two megabytes may be on their way, in boxd, in pipes and here.
  for (let looks = 0; looks < 20; looks += 1) assert.ok((await soFar()) <= 12);
  const rest = (await stdout.toArray()).reduce((sum, bytes) => sum + bytes.length, 0);
  assert.equal(rest, 64 * 262_144);
  assert.equal((await ended).exitCode, 0);
});

test('a program that reads nothing stops who writes to it', async () => {
  await using box = await startBoxd();
  const { stdin, ended, kill } = talk(box.boxd, 'exec sleep 1000');
  let accepted = 0;
  const full = (async () => {
    while (accepted < 64) {
      const hasRoom = stdin.write(Buffer.alloc(262_144));
      accepted += 1;
      if (!hasRoom) await once(stdin, 'drain');
    }
  })();
  assert.equal((await exec(box.boxd, ['/bin/true'])).exitCode, 0);
  await eventually(async () => accepted >= 4);
  for (let looks = 0; looks < 20; looks += 1) await exec(box.boxd, ['/bin/true']);
  assert.ok(accepted < 12, `${accepted} pieces were taken`);
  kill();
  assert.equal((await ended).signal, 'SIGKILL');
  await full;
});

test('all that a program started ends with it, also what left its session and lost its parent', async () => {
  await using box = await startBoxd();
  const script = 'setsid sleep 611 & (setsid sh -c "sleep 612 & sleep 613" &) ; echo started; exit 0';
  const { mark, stdout, ended } = talk(box.boxd, script);
  assert.equal(await text(stdout), 'started\n');
  assert.equal((await ended).exitCode, 0);
  assert.deepEqual(await marked(mark), []);
});

test('a program that is killed takes with it what it started', async () => {
  await using box = await startBoxd();
  const { mark, stdout, ended, kill } = talk(box.boxd, 'setsid sleep 611 & echo started; sleep 614');
  await once(stdout, 'data');
  kill();
  assert.deepEqual(await ended, { exitCode: null, signal: 'SIGKILL' });
  assert.deepEqual(await marked(mark), []);
});

test('what others have started lives on', async () => {
  await using box = await startBoxd();
  const other = talk(box.boxd, 'setsid sleep 615 & echo there; exec sleep 616');
  await once(other.stdout, 'data');
  const { ended, kill } = talk(box.boxd, 'exec sleep 617');
  kill();
  await ended;
  assert.equal((await marked(other.mark)).length, 2);
  other.kill();
  await other.ended;
});

test('a program that is not there ends as a shell would say', async () => {
  await using box = await startBoxd();
  const { stderr, ended } = box.boxd.talk({ argv: ['/no/such'], cwd: '', env: {}, mark: 'A=1' });
  assert.equal(await text(stderr), '/no/such: command not found\n');
  assert.equal((await ended).exitCode, 127);
});

test('talks end when boxd is gone', async () => {
  const box = await startBoxd();
  const { stdout, ended } = talk(box.boxd, 'exec cat');
  box.process.kill('SIGKILL');
  await assert.rejects(ended, { name: 'BoxdGone' });
  assert.equal(await text(stdout), '');
  await box[Symbol.asyncDispose]();
});
