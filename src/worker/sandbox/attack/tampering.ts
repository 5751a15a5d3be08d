import { setTimeout } from 'node:timers/promises';
import { type Attack, answers, breach, heldIf, inBox, judgeLines, PRELUDE, type Stage } from './attack.ts';
import type { BoxExit } from '../engine.ts';
import { within } from './within.ts';

const END_MS = 10_000;
const AGAIN_MS = 100;

/** `take_over(pid)`: all ways into another process of the same user. */
const TAKE_OVER = `
def take_over(pid):
    def attempt(name, act):
        tried(f"{name} of {pid}", act)
    for name in ("environ", "mem", "maps", "auxv", "syscall", "stack", "pagemap", "clear_refs"):
        attempt(name, lambda: readable(f"/proc/{pid}/{name}"))
    attempt("write mem", lambda: writable(f"/proc/{pid}/mem"))
    attempt("list fd", lambda: os.listdir(f"/proc/{pid}/fd"))
    for number in range(0, 64):
        attempt(f"open fd {number}", lambda: os.open(f"/proc/{pid}/fd/{number}", os.O_RDWR))
    attempt("exe", lambda: os.readlink(f"/proc/{pid}/exe"))
    attempt("cwd", lambda: os.readlink(f"/proc/{pid}/cwd"))
    attempt("ptrace attach", lambda: call(101, 16, pid, 0, 0))
    attempt("ptrace seize", lambda: call(101, 0x4206, pid, 0, 0))
    buffer = ctypes.create_string_buffer(64)
    vector = struct.pack("QQ", ctypes.addressof(buffer), 64)
    attempt("process_vm_readv", lambda: call(310, pid, vector, 1, vector, 1, 0))
    attempt("process_vm_writev", lambda: call(311, pid, vector, 1, vector, 1, 0))
    def taken():
        pidfd = call(434, pid, 0)
        return [call(438, pidfd, number, 0) for number in range(3, 16)]
    attempt("pidfd_getfd", taken)
`;
const TAKE_OVER_FORKS = `
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        with open(f"/proc/{name}/stat") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
        if parent == "2" and state != "Z":
            take_over(int(name))
`;
const TAKE_OVER_REFUSALS = ['EACCES', 'EPERM', 'ENOENT'];
const TAKE_OVER_LEAST = 80;

/** What runs in a box besides the caller's code: its first process, and boxd. */
export const tamperingAttacks: readonly Attack[] = [
  inBox({
    name: 'first process: environment of the server',
    tries: "Reads the server's variables, secrets among them, from the process that it started.",
    code: `
with open("/proc/1/environ", "rb") as file:
    data = file.read()
said("environ", "empty" if data == b"" else f"got {len(data)} bytes")
said("own environ", "empty" if not [n for n in os.environ if n.startswith(("BOXSWAIN", "NODE_OPTIONS", "SSH_", "AWS_", "SUDO_"))] else "got some")
`,
    refusals: ['empty'],
    least: 2,
  }),
  inBox({
    name: 'first process: command',
    tries: "Learns from the first process's command where the server keeps its files.",
    code: `
for pid in ("1", "2"):
    with open(f"/proc/{pid}/cmdline") as file:
        for at, word in enumerate(file.read().split("\\0")):
            is_own = "/" not in word or word in ("/usr/bin/bwrap", "/usr/bin/python3", "/boxd")
            said(f"word {at} of {pid}", "own" if is_own else "got " + word)
`,
    refusals: ['own'],
    least: 10,
  }),
  inBox({
    name: 'first process: descriptors',
    tries: 'Opens what the first process still holds: files of the server, or the channel of boxd.',
    code: `
for name in os.listdir("/proc/1/fd"):
    try:
        target = os.readlink("/proc/1/fd/" + name)
    except OSError as error:
        target = errno.errorcode[error.errno]
    is_stream = int(name) <= 2 and target.split(":")[0] in ("/dev/null", "pipe", "socket")
    said("descriptor " + name, "own stream" if is_stream else target)
for number in range(3, 64):
    def opened():
        target = os.readlink(f"/proc/1/fd/{number}")
        os.open(f"/proc/1/fd/{number}", os.O_RDWR)
        return target
    tried(f"open {number}", opened)
`,
    // Its standard streams are nothing, and the one whose text nobody interprets; the event it waits on cannot be opened.
    refusals: ['own stream', 'anon_inode:[eventfd]', 'EACCES', 'ENOENT', 'ENXIO'],
    least: 62,
  }),
  inBox({
    name: 'inherited descriptors',
    tries: 'Finds a file of the server that was left open in a program of the box.',
    code: `
def listed(where, text):
    for line in text.splitlines():
        number, _, target = line.partition(" ")
        expected = int(number) <= 2 and (target == "/dev/null" or target.startswith("pipe:"))
        # The listing itself needs one.
        said(f"{where} {number}", "own" if expected or target.startswith("/proc/") else "got " + target)
def mine():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{name} {os.readlink('/proc/self/fd/' + name)}")
        except FileNotFoundError:
            pass
    return "\\n".join(found)
listed("fork", mine())
`,
    refusals: ['own'],
    least: 3,
  }),
  {
    name: 'inherited descriptors of programs',
    tries: 'Finds a file of the server that was left open in a program started by boxd.',
    attempt: async stage => {
      const { stdout } = await stage.exec(['ls', '-l', '/proc/self/fd']);
      const open = stdout.split('\n').filter(line => line.includes(' -> '));
      // The listing itself needs one.
      const strange = open.filter(line => !/ (?:[012] -> (?:pipe:|\/dev\/null)|\d+ -> \/proc\/\d+\/fd$)/.test(line));
      return heldIf(strange.length === 0 && open.length >= 3, strange.join('; ') || `${open.length} of its own`);
    },
  },
  inBox({
    name: 'boxd: memory, environment and descriptors',
    tries: 'Takes over boxd, or reads what passes through it.',
    code: `${TAKE_OVER}\ntake_over(2)`,
    refusals: TAKE_OVER_REFUSALS,
    least: TAKE_OVER_LEAST,
  }),
  {
    name: "boxd's forks: memory, environment and descriptors",
    tries: 'Takes over the fork that waits for the next program, or the relay to the proxy.',
    attempt: async stage => {
      await stage.python('pass');
      const deadline = performance.now() + END_MS;
      while (performance.now() < deadline) {
        const tried = await stage.exec(['/usr/bin/python3', '-c', `${PRELUDE}\n${TAKE_OVER}\n${TAKE_OVER_FORKS}`]);
        const next = (await stage.python('import os; print(os.getpid())')).stdout.trim();
        // Only then one of those that were tried was the one that waited.
        const isAmong = next !== '' && tried.stdout.includes(`of ${next}\t`);
        if (isAmong) return judgeLines(tried, { refusals: TAKE_OVER_REFUSALS, least: TAKE_OVER_LEAST });
        await setTimeout(AGAIN_MS);
      }
      return breach('nothing ever waited for the next program');
    },
  },
  {
    name: 'channel: forged and oversized frames',
    tries: 'Writes answers of its own, and lengths of 4 GiB, into every descriptor it might have inherited.',
    attempt: async stage => {
      const code = `${PRELUDE}
body = b'{"id":1,"ok":{"exitCode":0,"signal":null,"stdout":"forged"}}'
frames = (b"\\xff\\xff\\xff\\xff" + b"A" * 65536, struct.pack(">I", len(body)) + body, b"\\0\\0\\0\\0", struct.pack(">I", 4) + b"}}}}")
written = []
for number in [*range(3, 256), *(f"/proc/{pid}/fd/{n}" for pid in (1, 2) for n in range(0, 16))]:
    for frame in frames:
        try:
            fd = number if isinstance(number, int) else os.open(number, os.O_WRONLY | os.O_NONBLOCK)
            os.set_blocking(fd, False)
            os.write(fd, frame)
            written.append(number)
        except OSError:
            pass
print(len(written))
`;
      const forked = await stage.python(code);
      // A context has pipes to boxd: what it writes there may end the context, and nothing else.
      const contextual = await stage.python(code, { context: 'forger' });
      if (!(await answers(stage))) return breach('the box no longer answers as it should');
      const isForged = forked.stdout.includes('forged') || contextual.stdout.includes('forged');
      return heldIf(
        !isForged,
        `the next call is answered as ever; the context ended with ${contextual.signal ?? contextual.exitCode}`,
      );
    },
  },
  {
    name: 'channel: flood of the error stream',
    tries: 'Fills the memory of the server through the one stream of the launcher that stays open.',
    attempt: async stage => {
      await stage.python(`${PRELUDE}
try:
    fd = os.open("/proc/1/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        try:
            os.write(fd, b"A" * 65536)
        except BlockingIOError:
            time.sleep(0.001)
except OSError:
    pass
`);
      return heldIf(await answers(stage), 'the box answers, and the server keeps at most 4 KiB of it');
    },
  },
  {
    name: 'kill boxd',
    tries: 'Leaves a call waiting for ever, or answered as if all were well.',
    spoilsBox: true,
    attempt: stage => typedEnd(stage, 'os.kill(2, signal.SIGKILL)\ntime.sleep(20)'),
  },
  {
    name: 'kill the first process',
    tries: 'Ends the box in a way that nobody understands.',
    spoilsBox: true,
    attempt: stage =>
      survives(
        stage,
        'for number in range(1, 65):\n    try:\n        os.kill(1, number)\n    except OSError:\n        pass\ntime.sleep(0.2)',
      ),
  },
  {
    name: 'overwrite the first process',
    tries: 'Writes its own code into the memory of the first process, and goes on with what that may do.',
    spoilsBox: true,
    attempt: stage =>
      survives(
        stage,
        `
for line in open("/proc/1/maps").read().splitlines():
    fields = line.split()
    if "x" in fields[1] and "[v" not in line:
        start, end = (int(part, 16) for part in fields[0].split("-"))
        fd = os.open("/proc/1/mem", os.O_RDWR)
        os.lseek(fd, start, os.SEEK_SET)
        os.write(fd, b"\\xcc" * (end - start))
os.kill(1, signal.SIGCHLD)
if os.fork() == 0:
    os._exit(0)
time.sleep(1)
`,
      ),
  },
  {
    name: 'stop boxd',
    tries: 'Freezes boxd, so that the box can no longer be ended.',
    spoilsBox: true,
    attempt: async stage => {
      const run = stage.python(`${PRELUDE}\nos.kill(2, signal.SIGSTOP)\ntime.sleep(20)`);
      run.catch(() => {});
      await within(300, run).catch(() => {});
      await within(END_MS, stage.live.box.destroy('wall'));
      const exit = await within(END_MS, stage.live.box.exited);
      const isRefused = await within(END_MS, run).then(
        () => false,
        () => true,
      );
      return heldIf(isRefused && exit.kind === 'wall', `ended from outside: ${exit.kind}`);
    },
  },
];

/** Held when the call fails, and the box says by itself why it ended. */
async function typedEnd(stage: Stage, code: string) {
  const outcome = await within(END_MS, stage.python(`${PRELUDE}\n${code}`)).then(
    () => 'the call was answered as if it had succeeded',
    () => undefined,
  );
  if (outcome !== undefined) return breach(outcome);
  const exit = await within(END_MS, stage.live.box.exited);
  return heldIf(isTyped(exit), `the box ended: ${exit.kind}, ${exit.detail}`);
}

/** Held when nothing came of it, or the box ended and says why. */
async function survives(stage: Stage, code: string) {
  const isAnswered = await within(END_MS, stage.python(`${PRELUDE}\n${code}`)).then(
    () => true,
    () => false,
  );
  if (isAnswered && (await within(END_MS, answers(stage)).catch(() => false)))
    return heldIf(true, 'nothing came of it');
  const exit = await within(END_MS, stage.live.box.exited);
  return heldIf(isTyped(exit), `the box ended: ${exit.kind}`);
}

const isTyped = ({ kind }: BoxExit): boolean => kind === 'killed' || kind === 'oom' || kind === 'engine_lost';
