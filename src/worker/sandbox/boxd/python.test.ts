import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { exec, finish, limits, python, type StartedBoxd, standingBy, startBoxd } from './boxd-for-tests.ts';

for (const way of ['in a fork of its own', 'in one that stood by'])
  describe(`python ${way}`, () => {
    let box: StartedBoxd;
    if (way === 'in one that stood by') beforeEach(() => standingBy(box));
    let site: string;
    before(async () => {
      box = await startBoxd();
      const version = (
        await exec(box.boxd, ['/usr/bin/python3', '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
      ).stdout;
      site = join(box.env, 'python/lib', `python${version.trim()}`, 'site-packages');
      mkdirSync(site, { recursive: true });
    });
    after(() => box[Symbol.asyncDispose]());

    const put = (path: string, text: string) => {
      mkdirSync(join(box.files, path, '..'), { recursive: true });
      writeFileSync(join(box.files, path), text);
    };
    const runFile = (file: string, args: string[] = []) =>
      finish(options => box.boxd.python({ source: { file }, args, env: {}, ...limits }, options));
    const out = async (code: string, more: object = {}) => {
      const end = await python(box.boxd, code, more);
      assert.deepEqual([end.stderr, end.exitCode], ['', 0]);
      return end.stdout;
    };

    test('every run has fresh globals and modules', async () => {
      await out('x = 1; import json; json.mine = 1');
      assert.equal(
        await out('import json; print("x" in globals(), hasattr(json, "mine"), __name__)'),
        'False False __main__\n',
      );
    });

    test('modules of the workspace are imported as they are now', async () => {
      put('mine.py', 'value = 1');
      assert.equal(await out('import mine; print(mine.value)'), '1\n');
      put('mine.py', 'value = 22');
      assert.equal(await out('import mine; print(mine.value)'), '22\n');
    });

    test('a module of the workspace that is named like one of boxd or of the preloaded ones is the one that counts', async () => {
      for (const name of ['server', 'files', 'statistics', 'fractions'])
        put(`${name}.py`, `origin = "${name} of the workspace"`);
      const code =
        'import server, files, statistics, fractions\nfor m in (server, files, statistics, fractions): print(m.origin)';
      assert.equal((await out(code)).trim().split('\n').length, 4);
      assert.equal(await out('import sys; print([m for m in sys.modules if "boxd" in m])'), '[]\n');
    });

    test('arguments, working directory, environment and path are those of a script', async () => {
      const code = 'import sys, os\nprint(sys.argv[1:], os.getcwd(), os.environ["A"], sys.path[0], os.environ["HOME"])';
      const expected = `['a', '-b'] ${box.files} 1 ${box.files} ${box.files}\n`;
      assert.equal(await out(code, { args: ['a', '-b'], env: { A: '1' } }), expected);
    });

    test('a file runs like a script: its folder and the root are on the path', async () => {
      put('pkg/neighbour.py', 'n = 1');
      put('rooted.py', 'r = 2');
      put('pkg/main.py', 'import sys, neighbour, rooted\nprint(__file__, sys.argv, neighbour.n, rooted.r, __name__)');
      const end = await runFile('pkg/main.py', ['x']);
      assert.equal(end.stdout, `${box.files}/pkg/main.py ['pkg/main.py', 'x'] 1 2 __main__\n`);
    });

    test('a file outside, absent, or no file is refused', async () => {
      await assert.rejects(runFile('../x.py'), { code: 'PATH_INVALID' });
      await assert.rejects(runFile('absent.py'), { code: 'FILE_NOT_FOUND', message: 'File not found: absent.py' });
      await assert.rejects(runFile(''), { code: 'WRONG_FILE_TYPE' });
      await exec(box.boxd, ['/bin/ln', '-s', '/etc/hostname', 'out.py']);
      await assert.rejects(runFile('out.py'), { message: 'path leaves the workspace: out.py' });
    });

    test('a file may declare its encoding', async () => {
      writeFileSync(
        join(box.files, 'latin.py'),
        Buffer.from('# -*- coding: latin-1 -*-\nprint("\xe9" == "\\u00e9")', 'latin1'),
      );
      assert.equal((await runFile('latin.py')).stdout, 'True\n');
    });

    test('installed packages are found, and .pth files obeyed', async () => {
      mkdirSync(join(site, 'elsewhere'));
      writeFileSync(join(site, 'installed_mod.py'), 'where = "site"');
      writeFileSync(join(site, 'elsewhere', 'linked_mod.py'), 'where = "pth"');
      writeFileSync(join(site, 'x.pth'), 'elsewhere\n');
      assert.equal(
        await out('import installed_mod, linked_mod; print(installed_mod.where, linked_mod.where)'),
        'site pth\n',
      );
    });

    test('an exception prints a traceback with source lines and without boxd’s frames, and exits with 1', async () => {
      const end = await python(box.boxd, 'def f():\n    return 1 / 0\n\nf()');
      assert.equal(end.exitCode, 1);
      assert.match(
        end.stderr,
        /^Traceback \(most recent call last\):\n {2}File "<code>", line 4, in <module>\n {4}f\(\)\n/,
      );
      assert.match(end.stderr, /line 2, in f\n {4}return 1 \/ 0\n[ ~^]+\nZeroDivisionError: division by zero\n$/);
      assert.doesNotMatch(end.stderr, /boxd/);
    });

    test('a chained exception in a file shows both', async () => {
      put('chained.py', 'try:\n    {}["k"]\nexcept KeyError as e:\n    raise ValueError("bad") from e\n');
      const end = await runFile('chained.py');
      assert.match(
        end.stderr,
        /KeyError: 'k'\n\nThe above exception was the direct cause[\s\S]*chained\.py", line 4[\s\S]*ValueError: bad\n$/,
      );
    });

    test('a text that does not compile is told with its line', async () => {
      const end = await python(box.boxd, 'x = 1\ny = = 2');
      assert.equal(end.exitCode, 1);
      assert.match(end.stderr, /File "<code>", line 2\n {4}y = = 2\n[ ^]+\nSyntaxError: invalid syntax\n$/);
    });

    test('sys.exit gives the code a script would give', async () => {
      const exits: [string, number, string][] = [
        ['sys.exit()', 0, ''],
        ['sys.exit(3)', 3, ''],
        ['sys.exit(-1)', 255, ''],
        ['sys.exit(256)', 0, ''],
        ['sys.exit("words")', 1, 'words\n'],
        ['os._exit(7)', 7, ''],
        ['raise SystemExit(None)', 0, ''],
      ];
      for (const [code, exitCode, stderr] of exits) {
        const end = await python(box.boxd, `import sys, os\n${code}`);
        assert.deepEqual([code, end.exitCode, end.stderr], [code, exitCode, stderr]);
      }
    });

    test('an interrupt nobody handles ends the program by its signal', async () => {
      const end = await python(
        box.boxd,
        'import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)',
      );
      assert.deepEqual([end.exitCode, end.signal], [null, 'SIGINT']);
      assert.match(end.stderr, /KeyboardInterrupt\n$/);
    });

    test('an excepthook of the program is used', async () => {
      const end = await python(
        box.boxd,
        'import sys\nsys.excepthook = lambda t, v, tb: print("hook", t.__name__, tb.tb_lineno)\n1/0',
      );
      assert.deepEqual([end.exitCode, end.stdout, end.stderr], [1, 'hook ZeroDivisionError 3\n', '']);
    });

    test('at the end threads are joined, exit handlers run, finalizers run, files are written', async () => {
      const code = `
import atexit, threading, time
class Thing:
    def __del__(self): print("finalizer")
thing = Thing()
atexit.register(print, "exit handler")
def late():
    time.sleep(0.1); print("thread")
threading.Thread(target=late).start()
file = open("unclosed.txt", "w"); file.write("kept")
def keep():
    global other
    other = open("unclosed2.txt", "w"); other.write("kept too")
keep()
print("main")`;
      assert.equal(await out(code), 'main\nthread\nexit handler\nfinalizer\n');
      assert.equal(readFileSync(join(box.files, 'unclosed.txt'), 'utf8'), 'kept');
      assert.equal(readFileSync(join(box.files, 'unclosed2.txt'), 'utf8'), 'kept too');
    });

    test('daemon threads neither keep the program nor make it complain', async () => {
      const code = `
import threading, time
count = 0
def spin():
    global count
    while True: count += 1; time.sleep(0)
for _ in range(3): threading.Thread(target=spin, daemon=True).start()
open("d.txt", "w").write("x"); print("done")`;
      assert.equal(await out(code), 'done\n');
    });

    test('stdin can be read by input, sys.stdin and as bytes', async () => {
      const code = 'import sys\nprint(input("? ").upper())\nprint(repr(sys.stdin.readline()))';
      const stdin = Buffer.from('one\ntwo\n');
      assert.equal(await out(code, { stdin }), "? ONE\n'two\\n'\n");
      const bytes = Buffer.from('\xff\0', 'latin1');
      assert.equal(await out('import sys; print(sys.stdin.buffer.read())', { stdin: bytes }), "b'\\xff\\x00'\n");
      assert.match((await python(box.boxd, 'input()')).stderr, /EOFError/);
    });

    test('text goes out as UTF-8, broken characters bit for bit', async () => {
      assert.equal(await out('print("héllo ☃")'), 'héllo ☃\n');
      assert.equal(await out('import sys; print(sys.stdout.encoding, sys.getfilesystemencoding())'), 'utf-8 utf-8\n');
    });

    test('what was printed before a time-out is not lost', async () => {
      const end = await python(box.boxd, 'print("early"); import time; time.sleep(60)', { timeoutMs: 400 });
      assert.deepEqual([end.timedOut, end.stdout], [true, 'early\n']);
    });

    test('each run has its own randomness', async () => {
      const code = 'import random, uuid; print(random.random(), uuid.uuid4())';
      const [a, b] = [await out(code), await out(code)];
      assert.notEqual(a.split(' ')[0], b.split(' ')[0]);
      assert.notEqual(a.split(' ')[1], b.split(' ')[1]);
    });

    test('its objects can be pickled', async () => {
      const code = 'import pickle\nclass P:\n    x = 1\nprint(type(pickle.loads(pickle.dumps(P()))).__module__)';
      assert.equal(await out(code), '__main__\n');
    });

    test('subprocess, asyncio and fork work as in a script', async () => {
      const code = `
import subprocess, asyncio, os, sys
print(subprocess.run(["echo", "sub"], capture_output=True, text=True).stdout.strip())
print(subprocess.check_output([sys.executable, "-c", "print('interpreter')"], text=True).strip())
async def main():
    process = await asyncio.create_subprocess_shell("echo async", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()
print(asyncio.run(main()))
pid = os.fork()
if pid == 0:
    print("child")
else:
    print("status", os.waitpid(pid, 0)[1])`;
      assert.equal(await out(code), 'sub\ninterpreter\nasync\nchild\nstatus 0\n');
    });

    test('what stands among the modules need not be one', async () => {
      const code = `
import sys
class Thing:
    pass
sys.modules["thing"], sys.modules["slotted"] = Thing, type("S", (), {"__slots__": ("__weakref__",)})()
print("fine")`;
      assert.equal(await out(code), 'fine\n');
    });

    for (const method of ['fork', 'spawn', 'forkserver']) {
      test(`multiprocessing works by ${method}, from text and from a file`, async () => {
        const code = `
import multiprocessing as mp
def square(x): return x * x
if __name__ == "__main__":
    with mp.get_context("${method}").Pool(2) as pool: print(pool.map(square, [1, 2, 3]))`;
        assert.equal(await out(code), '[1, 4, 9]\n');
        put('pool.py', code);
        assert.equal((await runFile('pool.py')).stdout, '[1, 4, 9]\n');
      });
    }

    test('unittest, dataclasses and inspect see the program’s source', async () => {
      const code = `
import inspect, unittest, dataclasses, typing
@dataclasses.dataclass
class D:
    a: int = 1
class T(unittest.TestCase):
    def test_it(self): self.assertEqual(D().a, 1)
print(inspect.getsource(D.__init__.__class__) if False else inspect.getsource(T).split(chr(10))[0])
print(typing.get_type_hints(D))
unittest.main(argv=["x"], exit=False)`;
      const end = await python(box.boxd, code);
      assert.equal(end.stdout, "class T(unittest.TestCase):\n{'a': <class 'int'>}\n");
      assert.match(end.stderr, /\nOK\n$/);
    });

    test('a broken stdout at the end exits with 120', async () => {
      const end = await python(box.boxd, 'import os, sys\nos.close(1)\nsys.stdout.write("x")');
      assert.equal(end.exitCode, 120);
    });

    test('code that fills memory with its traceback does not hurt the next run', async () => {
      assert.match((await python(box.boxd, 'def f(): f()\nf()')).stderr, /RecursionError/);
      assert.equal(await out('print("next")'), 'next\n');
    });

    test('neither code nor file, or both, is refused', async () => {
      const both = { code: '1', ...{ file: 'x' } };
      const run = finish(options => box.boxd.python({ source: both, args: [], env: {}, ...limits }, options));
      await assert.rejects(run, { message: "must provide either 'code' or 'file' parameter" });
    });
  });
