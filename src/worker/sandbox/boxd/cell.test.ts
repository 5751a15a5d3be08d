import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cell, python, type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

describe('cell', () => {
  let box: StartedBoxd;
  before(async () => {
    box = await startBoxd({ environment: { KEPT: 'base' } });
  });
  after(() => box[Symbol.asyncDispose]());

  test('keeps variables, and answers the value of the last expression', async () => {
    const first = await cell(box.boxd, 'x = 40\ndef add(n): return x + n');
    assert.deepEqual([first.exitCode, 'result' in first], [0, false]);
    assert.equal((await cell(box.boxd, 'print("side")\nadd(2)')).result, '42');
    assert.equal((await cell(box.boxd, '"text"')).result, "'text'");
    assert.equal((await cell(box.boxd, 'None')).result, undefined);
    assert.equal((await cell(box.boxd, '')).exitCode, 0);
  });

  test('contexts do not see each other, nor runs them', async () => {
    await cell(box.boxd, 'only_here = 1', { context: 'a' });
    assert.match((await cell(box.boxd, 'only_here', { context: 'b' })).stderr, /NameError/);
    assert.match((await python(box.boxd, 'only_here')).stderr, /NameError/);
    const names = await box.boxd.contexts();
    assert.deepEqual(
      names.filter(name => name.length === 1),
      ['a', 'b'],
    );
  });

  test('an exception gives a traceback with source lines of all cells; variables survive', async () => {
    await cell(box.boxd, 'kept = 7\ndef broken():\n    return 1 / 0');
    const end = await cell(box.boxd, 'broken()');
    assert.equal(end.exitCode, 1);
    assert.match(
      end.stderr,
      /File "<cell \d+>", line 1, in <module>\n {4}broken\(\)\n[\s\S]*return 1 \/ 0[\s\S]*ZeroDivisionError/,
    );
    assert.doesNotMatch(end.stderr, /boxd/);
    assert.match((await cell(box.boxd, 'a b')).stderr, /SyntaxError/);
    assert.equal((await cell(box.boxd, 'kept')).result, '7');
  });

  test('sys.exit ends the cell, not the context', async () => {
    await cell(box.boxd, 'before = 1');
    assert.equal((await cell(box.boxd, 'import sys\nsys.exit(5)')).exitCode, 5);
    assert.equal((await cell(box.boxd, 'before')).result, '1');
  });

  test('a repr that raises is an exception of the cell; a long one is cut', async () => {
    const end = await cell(box.boxd, 'class R:\n    def __repr__(self): raise ValueError("no repr")\nR()');
    assert.deepEqual([end.exitCode, end.result], [1, undefined]);
    assert.match(end.stderr, /no repr/);
    assert.equal((await cell(box.boxd, '"x" * 1_000_000')).result?.length, 65_536);
  });

  test('output is that of the cell, also of its subprocesses, streams apart', async () => {
    const code =
      'import subprocess, sys\nprint("a")\nsubprocess.run("echo b; echo c >&2", shell=True)\nprint("d", file=sys.stderr)';
    const end = await cell(box.boxd, code);
    assert.deepEqual([end.stdout, end.stderr], ['a\nb\n', 'c\nd\n']);
    const next = await cell(box.boxd, '1');
    assert.deepEqual([next.stdout, next.stderr], ['', '']);
  });

  test('environment of the call is gone after it, what the cell set itself stays', async () => {
    const during = await cell(box.boxd, 'import os\nos.environ["OWN"] = "o"\nos.environ["KEPT"] + os.environ["CALL"]', {
      env: { KEPT: 'k', CALL: 'c' },
    });
    assert.equal(during.result, "'kc'");
    assert.equal(
      (await cell(box.boxd, 'os.environ["KEPT"], os.environ.get("CALL"), os.environ["OWN"]')).result,
      "('base', None, 'o')",
    );
  });

  test('each cell has its own stdin', async () => {
    assert.equal((await cell(box.boxd, 'input() + input()', { stdin: Buffer.from('a\nb\n') })).result, "'ab'");
    assert.equal(
      (await cell(box.boxd, 'import subprocess\nsubprocess.check_output("cat")', { stdin: Buffer.from('z') })).result,
      "b'z'",
    );
    assert.match((await cell(box.boxd, 'input()')).stderr, /EOFError/);
  });

  test('await works at top level, on one event loop for all cells', async () => {
    await cell(box.boxd, 'import asyncio\nasync def f(): return 3\ntask = None');
    assert.equal(
      (await cell(box.boxd, 'task = asyncio.ensure_future(f())\nawait asyncio.sleep(0)\n(await f()) + 1')).result,
      '4',
    );
    assert.equal((await cell(box.boxd, 'await task')).result, '3');
  });

  test('a time-out interrupts the cell; variables survive', async () => {
    await cell(box.boxd, 'import time\nsurvivor = 1');
    const end = await cell(box.boxd, 'print("begun")\ntime.sleep(60)', { timeoutMs: 300 });
    assert.deepEqual([end.timedOut, end.exitCode, end.signal, end.stdout], [true, null, 'SIGINT', 'begun\n']);
    assert.match(end.stderr, /KeyboardInterrupt/);
    assert.equal((await cell(box.boxd, 'survivor')).result, '1');
  });

  test('a cell that will not be interrupted loses its context, which is told once', async () => {
    const code = 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass';
    const end = await cell(box.boxd, code, { context: 'stubborn', timeoutMs: 200 });
    assert.deepEqual([end.timedOut, end.signal], [true, 'SIGKILL']);
    await assert.rejects(cell(box.boxd, '1', { context: 'stubborn' }), { code: 'CONTEXT_LOST' });
    assert.equal((await cell(box.boxd, '2', { context: 'stubborn' })).result, '2');
  });

  test('cancelling interrupts the cell and rejects; variables survive', async () => {
    await cell(box.boxd, 'import time\nafter_cancel = 5');
    const controller = new AbortController();
    const run = cell(box.boxd, 'time.sleep(60)', {}, controller.signal);
    controller.abort(new Error('stop'));
    await assert.rejects(run, /stop/);
    assert.equal((await cell(box.boxd, 'after_cancel')).result, '5');
  });

  test('a context that ends itself is told, in the call and once after it', async () => {
    const end = await cell(box.boxd, 'import os\nprint("last", flush=True)\nos._exit(3)', { context: 'suicidal' });
    assert.deepEqual([end.exitCode, end.stdout], [3, 'last\n']);
    await assert.rejects(cell(box.boxd, '1', { context: 'suicidal' }), { code: 'CONTEXT_LOST' });
  });

  test('a fork made in a cell does not answer for it', async () => {
    const end = await cell(box.boxd, 'import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint(pid == 0)', {
      context: 'forker',
    });
    assert.deepEqual(end.stdout.trim().split('\n').sort(), ['False', 'True']);
    assert.equal((await cell(box.boxd, 'pid > 0', { context: 'forker' })).result, 'True');
  });

  test('what threads print between cells comes with the next one', async () => {
    const code =
      'import threading, time\ndef later():\n    time.sleep(0.1); print("later")\nt = threading.Thread(target=later); t.start()';
    assert.equal((await cell(box.boxd, code)).stdout, '');
    await shell(box.boxd, 'sleep 0.3');
    assert.equal((await cell(box.boxd, 't.join()')).stdout, 'later\n');
  });

  test('too much output interrupts the cell', async () => {
    const end = await cell(box.boxd, 'while True: print("x" * 1000)', { outputBytes: 100_000, context: 'loud' });
    assert.deepEqual([end.outputExceeded, end.stdout.length], [true, 100_000]);
    assert.equal((await cell(box.boxd, '3', { context: 'loud' })).result, '3');
  });

  test('a cell that writes into boxd’s own pipes ends its context and nothing else', async () => {
    const code =
      'import os\nfor fd in range(3, 700):\n    try: os.write(fd, b"\\0\\0\\0\\x02{}" * 3)\n    except OSError: pass';
    await cell(box.boxd, code, { context: 'forger' }).catch(() => undefined);
    await assert.rejects(cell(box.boxd, '1', { context: 'forger' }), { code: 'CONTEXT_LOST' });
    assert.equal((await cell(box.boxd, '4')).result, '4');
  });

  test('packages installed after the context began are found', async () => {
    assert.match((await cell(box.boxd, 'import latecomer')).stderr, /ModuleNotFoundError/);
    const version = (await cell(box.boxd, 'import sys\n"%d.%d" % sys.version_info[:2]')).result?.replaceAll("'", '');
    const site = join(box.env, 'python/lib', `python${version}`, 'site-packages');
    mkdirSync(site, { recursive: true });
    writeFileSync(join(site, 'latecomer.py'), 'here = True');
    assert.equal((await cell(box.boxd, 'import latecomer\nlatecomer.here')).result, 'True');
  });

  test('two cells at once in one context are refused, in two contexts both run', async () => {
    const slow = cell(box.boxd, 'import time\ntime.sleep(0.3)', { context: 'one' });
    await assert.rejects(cell(box.boxd, '1', { context: 'one' }), { code: 'VALIDATION_ERROR' });
    assert.equal((await cell(box.boxd, '1', { context: 'two' })).result, '1');
    assert.equal((await slow).exitCode, 0);
  });
});
