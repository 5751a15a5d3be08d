import { type Attack, answers, breach, held, heldIf, PRELUDE, type Stage } from './attack.ts';

const MIB = 1024 * 1024;
/** Processes of the box itself, and those that the limit leaves room for besides the caller's. */
const PROCESS_SLACK = 8;
const BOMB_MS = 2_000;

/** Taking more than the share of a box. Short: each goes only as far as its limit, or two seconds. */
export const bombAttacks: readonly Attack[] = [
  {
    name: 'processes: count',
    tries: 'Starts more processes than the limit.',
    spoilsBox: true,
    attempt: async stage => {
      const most = stage.limits.pids + PROCESS_SLACK;
      const { stdout } = await stage.python(`${PRELUDE}
made = 0
for _ in range(${4 * most}):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except OSError:
        break
    made += 1
print(made, flush=True)
os.killpg(0, signal.SIGKILL)
`);
      const made = Number.parseInt(stdout, 10);
      if (!(made <= most))
        return breach(`${stdout.trim() || 'an unknown number of'} processes for a limit of ${stage.limits.pids}`);
      return heldIf(await answers(stage), `${made} processes for a limit of ${stage.limits.pids}`);
    },
  },
  {
    name: 'processes: fork bomb',
    tries: 'Forks without end, so that neither the box nor the machine can start anything any more.',
    spoilsBox: true,
    attempt: async stage => {
      await stage.python(
        `${PRELUDE}
while True:
    try:
        os.fork()
        os.setsid()
    except OSError:
        pass
`,
        { timeoutMs: BOMB_MS },
      );
      return heldIf(await answers(stage), 'the next call is answered');
    },
  },
  {
    name: 'memory',
    tries: 'Takes four times the memory limit.',
    spoilsBox: true,
    attempt: async stage => {
      const bytes = 4 * stage.limits.memory_mb * MIB;
      const ran = await stage.python(
        `data = bytearray(${bytes})\nfor at in range(0, len(data), 4096):\n    data[at] = 1\nprint("got it")`,
      );
      if (ran.stdout.includes('got it'))
        return breach(`${bytes / MIB} MiB for a limit of ${stage.limits.memory_mb} MiB`);
      const ending = ran.stderr.includes('MemoryError') ? 'MemoryError' : (ran.signal ?? `exit ${ran.exitCode}`);
      return heldIf(await answers(stage), `ended by ${ending}`);
    },
  },
  {
    name: 'memory: many processes',
    tries: 'Takes four times the memory limit in shares.',
    spoilsBox: true,
    attempt: async stage => {
      if (stage.report.limits.memory_mb !== 'hard')
        return held('the limit holds for each process only, as the report says');
      const share = Math.floor(stage.limits.memory_mb / 2) * MIB;
      const { stdout } = await stage.python(
        `${PRELUDE}
children = []
reader, writer = os.pipe()
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        data = bytearray(${share})
        for at in range(0, len(data), 4096):
            data[at] = 1
        os.write(writer, b"x")
        time.sleep(20)
    children.append(pid)
os.close(writer)
alive = 0
time.sleep(1)
for pid in children:
    alive += os.waitpid(pid, os.WNOHANG) == (0, 0)
os.set_blocking(reader, False)
try:
    print(min(alive, len(os.read(reader, 64))))
except BlockingIOError:
    print(0)
`,
        { timeoutMs: 8_000 },
      );
      const whole = Number.parseInt(stdout || '0', 10);
      const isHeld = whole * share <= stage.limits.memory_mb * MIB;
      return heldIf(isHeld && (await answers(stage)), `${whole} of 8 processes kept half of the limit each`);
    },
  },
  {
    name: 'disk',
    tries: 'Writes four times the disk limit.',
    attempt: async stage => {
      const ran = await stage.python(`${PRELUDE}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
${filling('/workspace/filler', 4 * stage.limits.disk_mb)}
os.unlink("/workspace/filler")
`);
      const got = Number.parseInt(ran.stdout.split('\t')[1] ?? '', 10);
      return heldIf(
        got <= stage.limits.disk_mb && (await answers(stage)),
        `${ran.stdout.trim().replaceAll('\t', ' ')} of ${stage.limits.disk_mb} MiB`,
      );
    },
  },
  {
    name: 'disk: many files',
    tries: 'Goes round a limit for each file with many of them.',
    attempt: async stage => {
      if (stage.report.limits.disk_mb !== 'hard') return held('the limit holds for each file only, as the report says');
      const ran = await stage.python(`${PRELUDE}
total = 0
try:
    for n in range(${4 * stage.limits.disk_mb}):
        with open(f"/env/filler{n}", "wb") as file:
            total += file.write(b"x" * ${MIB})
            file.flush()
except OSError as error:
    print(errno.errorcode[error.errno], total // ${MIB}, sep="\\t")
for name in os.listdir("/env"):
    if name.startswith("filler"):
        os.unlink("/env/" + name)
`);
      const [error, got] = ran.stdout.trim().split('\t');
      return heldIf(
        error === 'ENOSPC' && Number(got) <= stage.limits.disk_mb,
        `${error} after ${got} of ${stage.limits.disk_mb} MiB`,
      );
    },
  },
  {
    name: 'file systems in memory',
    tries: "Fills the machine's memory through /tmp, /dev/shm and every other place that may be written.",
    attempt: async stage => {
      const most = Math.max(64, stage.limits.memory_mb);
      const places = ['/tmp', '/dev/shm', '/', '/dev', '/run', '/etc', '/proc'];
      const { stdout } = await stage.python(`${PRELUDE}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for place in ${JSON.stringify(places)}:
    path = place + "/filler"
    try:
        fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    except OSError as error:
        print(errno.errorcode[error.errno], 0, place, sep="\\t", flush=True)
        continue
    total = 0
    try:
        while total < ${2 * most}:
            total += os.write(fd, b"x" * ${MIB}) // ${MIB}
    except OSError as error:
        print(errno.errorcode[error.errno], total, place, sep="\\t", flush=True)
    os.close(fd)
    os.unlink(path)
`);
      const lines = stdout
        .trim()
        .split('\n')
        .map(line => line.split('\t'));
      const isHeld = lines.length === places.length && lines.every(([, got]) => Number(got) < 2 * most);
      return heldIf(
        isHeld,
        lines.map(([error, got, place]) => `${place} ${error} after ${got} MiB`).join('; ') || 'nothing was said',
      );
    },
  },
  {
    name: 'output',
    tries: 'Puts out text without end, until the server has no memory left.',
    attempt: async stage => {
      const outputBytes = stage.limits.output_mb * MIB;
      const ran = await stage.exec(
        ['bash', '-c', 'while :; do echo AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; done & yes >&2'],
        {
          outputBytes,
          timeoutMs: 10_000,
        },
      );
      const isHeld = ran.outputExceeded && ran.outputBytes <= 2 * outputBytes && (await answers(stage));
      return heldIf(isHeld, `ended after ${(ran.outputBytes / MIB).toFixed(1)} of ${stage.limits.output_mb} MiB`);
    },
  },
  {
    name: 'time: double fork',
    tries: 'Lives on past the end of the box in a process that nobody knows.',
    spoilsBox: true,
    attempt: async stage => {
      await stage.python(
        `${PRELUDE}
if os.fork() == 0:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    if os.fork() == 0:
        while True:
            with open("/workspace/beat", "ab") as file:
                file.write(b"x")
            time.sleep(0.01)
    os._exit(0)
time.sleep(30)
`,
        { timeoutMs: 500 },
      );
      const before = await beats(stage);
      await stage.live.box.destroy('wall');
      const exit = await stage.live.box.exited;
      if (exit.kind !== 'wall') return breach(`the box ended for another reason: ${exit.kind}`);
      await stage.restart();
      const first = await beats(stage);
      await stage.python('import time; time.sleep(0.3)');
      const later = await beats(stage);
      return heldIf(later === first, `${before} beats before the end, ${later - first} after it`);
    },
  },
];

async function beats(stage: Stage): Promise<number> {
  const { stdout } = await stage.python('import os; print(os.path.getsize("beat") if os.path.exists("beat") else 0)');
  return Number.parseInt(stdout, 10);
}

const filling = (path: string, megabytes: number): string => `
total = 0
try:
    with open("${path}", "wb") as file:
        while total < ${megabytes}:
            file.write(b"x" * ${MIB})
            file.flush()
            total += 1
    print("no error", total, sep="\\t", flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], total, sep="\\t", flush=True)
`;
