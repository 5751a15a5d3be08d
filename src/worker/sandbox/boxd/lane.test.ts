import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cell, exec, type StartedBoxd, startBoxd } from './boxd-for-tests.ts';

/** Finds the lane of the context that runs it, as code that means harm could. */
const FIND_LANE = `
import os, socket, stat
def lanes():
    found = []
    for fd in range(3, 700):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): found.append(fd)
        except OSError: pass
    return found
`;

describe('lane', () => {
  let box: StartedBoxd;
  /** Frames to boxd, those of them that gave it a cell to run, and cells sent by lanes. */
  let sent: { readonly toBoxd: number; readonly cellsToBoxd: number; readonly cellsByLane: number };

  const count = () => {
    const toBoxd = mock.method(box.channel, 'write').mock;
    const byLane = box.lanes.map(lane => mock.method(lane, 'write').mock);
    // One that is attached runs already.
    const isCell = (text: string) => text.includes('"verb":"cell"') && !text.includes('"attach":');
    sent = {
      get toBoxd() {
        return toBoxd.callCount();
      },
      get cellsToBoxd() {
        return toBoxd.calls.filter(call => isCell(String(call.arguments[0]))).length;
      },
      get cellsByLane() {
        return byLane.reduce((sum, lane) => sum + lane.callCount(), 0);
      },
    };
  };

  beforeEach(async () => {
    box = await startBoxd({ environment: { KEPT: 'base' } });
    await cell(box.boxd, `import os, sys, time, threading\n${FIND_LANE}`);
    count();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  /** The next cell is sent straight to its context. */
  const goesByLane = async (context = 'main') => {
    const { cellsToBoxd, cellsByLane } = sent;
    assert.equal((await cell(box.boxd, '6 * 7', { context })).result, '42');
    assert.deepEqual([sent.cellsToBoxd, sent.cellsByLane], [cellsToBoxd, cellsByLane + 1]);
  };

  test('boxd does not hear of a cell that says nothing but its result', async () => {
    // On a busy machine a cell may take so long that boxd is told.
    let heard = 1;
    for (let round = 0; round < 200 && heard > 0; round += 1) {
      const before = sent.toBoxd;
      const end = await cell(box.boxd, 'x = 20\nx + 1');
      heard = sent.toBoxd - before;
      assert.deepEqual(
        [end.exitCode, end.signal, end.result, end.timedOut, end.mayHaveArtifacts, end.stdout, end.stderr],
        [0, null, '21', false, false, '', ''],
      );
      assert.ok(end.durationMs > 0);
    }
    assert.deepEqual([heard, sent.cellsToBoxd], [0, 0]);
  });

  test('standard input and variables of the call come by the lane too', async () => {
    const request = { stdin: Buffer.from('a'), env: { CALL: 'c' } };
    assert.equal((await cell(box.boxd, 'input() + os.environ["CALL"]', request)).result, "'ac'");
    assert.equal((await cell(box.boxd, 'os.environ.get("CALL"), sys.stdin.read()')).result, "(None, '')");
    assert.equal(sent.cellsToBoxd, 0);
  });

  for (const [what, code, stdout] of [
    ['one byte', 'sys.stdout.write("x"); 1', 'x'],
    ['a line', 'print("line"); 1', 'line\n'],
    ['what os.write puts out', 'os.write(1, b"raw"); 1', 'raw'],
    ['what a child puts out', 'os.system("printf child"); 1', 'child'],
    ['5 MB', 'print("y" * 5_000_000, end=""); 1', 'y'.repeat(5_000_000)],
  ] satisfies [string, string, string][]) {
    test(`output of a short cell is its own: ${what}`, async () => {
      const end = await cell(box.boxd, code);
      assert.deepEqual([end.exitCode, end.result, end.stdout.length], [0, '1', stdout.length]);
      assert.ok(end.stdout === stdout);
      assert.equal(sent.cellsToBoxd, 0);
      await goesByLane();
      assert.equal((await cell(box.boxd, '2')).stdout, '');
    });
  }

  test('both streams arrive, and those of a cell that goes on for long', async () => {
    const end = await cell(box.boxd, 'for i in range(8):\n    print(i); print(-i, file=sys.stderr); time.sleep(0.01)');
    assert.deepEqual([end.stdout, end.stderr], ['0\n1\n2\n3\n4\n5\n6\n7\n', '0\n-1\n-2\n-3\n-4\n-5\n-6\n-7\n']);
    assert.ok(end.durationMs >= 80);
    await goesByLane();
  });

  test('more output than is allowed interrupts the cell', async () => {
    const end = await cell(box.boxd, 'while True: print("x" * 1000)', { outputBytes: 300_000 });
    assert.deepEqual([end.outputExceeded, end.stdout.length], [true, 300_000]);
    assert.equal((await cell(box.boxd, '3')).result, '3');
    await goesByLane();
  });

  test('what a thread prints between cells comes with the next one', async () => {
    const later = 'while not os.path.exists("now"): time.sleep(0.001)\n    print("later")';
    await cell(box.boxd, `def later():\n    ${later}\nt = threading.Thread(target=later); t.start()`);
    await box.boxd.write({ path: 'now', bytes: Buffer.from(''), createDirs: false });
    const parts: string[] = [];
    for (let round = 0; round < 50 && !parts.includes('later\n'); round += 1) {
      parts.push((await cell(box.boxd, 't.join()')).stdout);
    }
    assert.deepEqual(
      parts.filter(part => part !== ''),
      ['later\n'],
    );
    await goesByLane();
  });

  test('a cell that fails says why; the next one goes by the lane again', async () => {
    const end = await cell(box.boxd, '1 / 0');
    assert.equal(end.exitCode, 1);
    assert.match(end.stderr, /ZeroDivisionError/);
    await goesByLane();
    assert.equal((await cell(box.boxd, 'sys.exit(5)')).exitCode, 5);
    assert.equal((await cell(box.boxd, 'sys.exit()')).exitCode, 0);
    await goesByLane();
  });

  test('a result that is cut to its limit fits, whatever its characters', async () => {
    assert.equal((await cell(box.boxd, '"😀" * 100_000')).result?.length, 131_070);
    assert.equal(sent.cellsToBoxd, 0);
  });

  test('a cell too large for the lane goes by boxd', async () => {
    assert.equal((await cell(box.boxd, `len("${'z'.repeat(200_000)}")`)).result, '200000');
    assert.deepEqual([sent.cellsToBoxd, sent.cellsByLane], [1, 0]);
    await goesByLane();
  });

  test('a time-out interrupts the cell; the next one is not interrupted for it', async () => {
    const end = await cell(box.boxd, 'survivor = 1\nprint("begun")\ntime.sleep(60)', { timeoutMs: 300 });
    assert.deepEqual([end.timedOut, end.signal, end.stdout], [true, 'SIGINT', 'begun\n']);
    assert.ok(end.durationMs >= 300 && sent.cellsToBoxd === 0);
    assert.equal((await cell(box.boxd, 'survivor')).result, '1');
    await goesByLane();
  });

  test('a cell that will not be interrupted loses its context, which is told once', async () => {
    const code = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass';
    const end = await cell(box.boxd, code, { timeoutMs: 200 });
    assert.deepEqual([end.timedOut, end.signal, sent.cellsToBoxd], [true, 'SIGKILL', 0]);
    await assert.rejects(cell(box.boxd, '1'), { code: 'CONTEXT_LOST' });
    assert.equal((await cell(box.boxd, '2')).result, '2');
    await goesByLane();
  });

  test('cancelling interrupts, however short the cell has run', async () => {
    for (const wait of [0, 60]) {
      const controller = new AbortController();
      const run = cell(box.boxd, 'after_cancel = 5\ntime.sleep(60)', {}, controller.signal);
      await delay(wait);
      controller.abort(new Error('stop'));
      await assert.rejects(run, /stop/);
      assert.equal((await cell(box.boxd, '6')).result, '6');
      await goesByLane();
    }
  });

  test('a context that ends in a cell is told as that, and once more after it', async () => {
    for (const [code, exitCode, signal] of [
      ['print("last", flush=True)\nos._exit(3)', 3, null],
      ['print("last", flush=True)\nos.kill(os.getpid(), 9)', null, 'SIGKILL'],
    ] satisfies [string, number | null, string | null][]) {
      const end = await cell(box.boxd, code);
      assert.deepEqual([end.exitCode, end.signal, end.stdout], [exitCode, signal, 'last\n']);
      await assert.rejects(cell(box.boxd, '1'), { code: 'CONTEXT_LOST' });
      assert.equal((await cell(box.boxd, 'import os\n1')).result, '1');
      await goesByLane();
    }
  });

  test('all that a dying context said arrives', async () => {
    const end = await cell(box.boxd, 'os.write(1, b"z" * 1_000_000)\nos._exit(4)');
    assert.deepEqual([end.exitCode, end.stdout.length], [4, 1_000_000]);
  });

  test('a context that ended between cells is lost, and its last cell ended well', async () => {
    const ended = await cell(
      box.boxd,
      'def leave():\n    go.wait(); os._exit(7)\ngo = threading.Event()\nthreading.Thread(target=leave).start()',
    );
    assert.equal(ended.exitCode, 0);
    const pid = (await cell(box.boxd, 'os.getpid()')).result ?? '';
    await exec(box.boxd, ['/bin/bash', '-c', `kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do :; done`]);
    await assert.rejects(cell(box.boxd, '1'), { code: 'CONTEXT_LOST' });
    assert.equal((await cell(box.boxd, '2')).result, '2');
    await goesByLane();
  });

  test('a fork made in a cell does not answer for it', async () => {
    const end = await cell(box.boxd, 'pid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint(pid == 0)');
    assert.deepEqual(end.stdout.trim().split('\n').sort(), ['False', 'True']);
    assert.equal((await cell(box.boxd, 'pid > 0')).result, 'True');
    assert.equal((await cell(box.boxd, 'c = os.fork()\nif c: os.waitpid(c, 0)\nc > 0')).result, 'True');
  });

  test('programs that a cell starts do not get the lane', async () => {
    const code =
      'import subprocess\nsubprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True).stdout';
    assert.doesNotMatch((await cell(box.boxd, code)).result ?? 'socket', /socket/);
    assert.doesNotMatch((await exec(box.boxd, ['ls', '-l', '/proc/self/fd'])).stdout, /socket/);
  });

  test('a third context has no lane, and gets that of one that ends', async () => {
    for (const context of ['second', 'third']) await cell(box.boxd, 'import os; mine = 1', { context });
    await goesByLane('main');
    await goesByLane('second');
    const before = sent.cellsByLane;
    assert.equal((await cell(box.boxd, 'mine', { context: 'third' })).result, '1');
    assert.equal(sent.cellsByLane, before);
    assert.deepEqual((await box.boxd.contexts()).sort(), ['main', 'second', 'third']);
    await cell(box.boxd, 'os._exit(1)', { context: 'second' });
    assert.equal((await cell(box.boxd, '4', { context: 'fourth' })).result, '4');
    await goesByLane('fourth');
    await goesByLane('main');
  });

  test('what was meant for a context that is gone is not run by the next one with its lane', async () => {
    const pid = (await cell(box.boxd, 'os.getpid()')).result ?? '';
    await exec(box.boxd, ['kill', '-STOP', pid]);
    const stopped = await cell(box.boxd, 'open("was-run", "w")', { timeoutMs: 200 });
    assert.deepEqual([stopped.signal, sent.cellsToBoxd], ['SIGKILL', 0]);
    await assert.rejects(cell(box.boxd, '1'), { code: 'CONTEXT_LOST' });
    await cell(box.boxd, 'import os');
    await goesByLane();
    assert.equal((await cell(box.boxd, 'os.path.exists("was-run")')).result, 'False');
  });

  test('a second cell in a context that runs one by its lane is refused', async () => {
    const slow = cell(box.boxd, 'time.sleep(0.3)\n9');
    await assert.rejects(cell(box.boxd, '1'), { code: 'VALIDATION_ERROR' });
    assert.equal((await slow).result, '9');
  });

  test('artifacts that a short cell leaves are told of', async () => {
    const folder = join(box.files, 'artifacts');
    mkdirSync(folder);
    assert.equal((await cell(box.boxd, '1')).mayHaveArtifacts, false);
    await goesByLane();
    writeFileSync(join(folder, 'new'), 'x');
    assert.equal((await cell(box.boxd, '1')).mayHaveArtifacts, true);
    rmSync(folder, { recursive: true });
    await cell(box.boxd, '1');
    await goesByLane();
  });

  test('packages and background interrupts are noticed as by boxd', async () => {
    const end = await cell(box.boxd, 'os.kill(os.getpid(), 2)\ntime.sleep(5)');
    assert.deepEqual([end.exitCode, end.signal], [null, 'SIGINT']);
    assert.equal((await cell(box.boxd, 'import asyncio\nawait asyncio.sleep(0, 8)')).result, '8');
  });

  const harms: [string, string][] = [
    ['noise', 'os.write(lanes()[0], b"noise" * 1000)'],
    ['a frame of another context', 'os.write(lanes()[0], os.urandom(16) + b"\\0\\0\\0\\x02{}")'],
    ['a length that is never filled', 'os.write(lanes()[0], b"\\xff" * 20)'],
    ['an end of the lane', 'socket.socket(fileno=os.dup(lanes()[0])).shutdown(2)'],
  ];
  for (const [what, code] of harms) {
    test(`a cell that puts ${what} onto its lane ends its context at most; boxd and other contexts go on`, async () => {
      await cell(box.boxd, '1', { context: 'other' });
      await goesByLane('other');
      await cell(box.boxd, code).catch(() => undefined);
      await cell(box.boxd, '1').catch((error: unknown) =>
        assert.equal(Reflect.get(Object(error), 'code'), 'CONTEXT_LOST'),
      );
      assert.equal((await cell(box.boxd, 'str(3)')).result, "'3'");
      assert.equal((await cell(box.boxd, 'str(4)')).result, "'4'");
      await goesByLane('other');
    });
  }

  test('what a thread writes onto the lane between cells costs only the lane', async () => {
    const code = `
def later():
    while not os.path.exists("go"): time.sleep(0.005)
    os.write(lanes()[0], b"x" * 100)
threading.Thread(target=later).start()`;
    await cell(box.boxd, code);
    writeFileSync(join(box.files, 'go'), '');
    const [lane] = box.lanes;
    while (lane?.destroyed === false) await delay(5);
    assert.equal((await cell(box.boxd, '5')).result, '5');
    assert.equal((await cell(box.boxd, '6')).result, '6');
    assert.equal(sent.cellsToBoxd, 2);
  });

  test('a forged answer that knows the key, and not the cell, ends the context', async () => {
    const forge = `
import gc, json
key = next(o._key for o in gc.get_objects() if type(o).__name__ == "ContextEnd")
body = json.dumps({"id": 10**6, "exit": 0, "whole": True}).encode()
os.write(lanes()[0], key + len(body).to_bytes(4, "big") + body)`;
    const end = await cell(box.boxd, forge);
    assert.equal(end.signal, 'SIGKILL');
    await assert.rejects(cell(box.boxd, '1'), { code: 'CONTEXT_LOST' });
  });

  test('a box that dies in a cell fails it', async () => {
    const run = cell(box.boxd, 'time.sleep(60)');
    box.process.kill('SIGKILL');
    await assert.rejects(run, { name: 'BoxdGone' });
    await assert.rejects(cell(box.boxd, '1'), { name: 'BoxdGone' });
  });
});
