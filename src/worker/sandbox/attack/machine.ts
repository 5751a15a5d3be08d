import { readdir, readFile } from 'node:fs/promises';
import { type Attack, breach, heldIf, inBox } from './attack.ts';

/** The machine as a box sees it: its devices, its kernel, its files. */
export const machineAttacks: readonly Attack[] = [
  inBox({
    name: 'nested namespaces',
    tries: 'Makes a box within the box, with capabilities of its own.',
    code: `
def ran(*argv):
    code = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True).returncode
    if code == 0:
        return code
    raise OSError(errno.EPERM, "")
for argv in (["unshare", "-U", "true"], ["unshare", "-Ur", "true"], ["unshare", "-Urmpf", "true"], ["unshare", "-n", "true"],
             ["bwrap", "--ro-bind", "/", "/", "true"], ["nsenter", "-t", "1", "-m", "true"], ["setpriv", "--reuid=0", "true"]):
    tried(" ".join(argv), lambda: ran(*argv))
`,
    refusals: ['EPERM', 'ENOENT'],
    least: 7,
  }),
  inBox({
    name: 'capabilities',
    tries: 'Uses rights that a program of the box might have been left with.',
    code: `
for pid in ("self", "1"):
    status = dict(line.split(":\\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        said(f"{name} of {pid}", "none" if int(status[name], 16) == 0 else status[name])
    said(f"NoNewPrivs of {pid}", "none" if status["NoNewPrivs"] == "1" else "may get new rights")
    said(f"filter of {pid}", "none" if status["Seccomp"] == "2" else "is not filtered")
tried("setuid 0", lambda: os.setuid(0))
tried("setgid 0", lambda: os.setgid(0))
tried("setgroups", lambda: os.setgroups([0]))
tried("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -10))
tried("chown", lambda: (open("owned", "w").close(), os.chown("owned", 0, 0)))
import resource
def raised(kind):
    soft, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY:
        raise OSError(errno.EPERM, "")
    resource.setrlimit(kind, (soft, hard + 1))
for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
    try:
        raised(kind)
        said(f"limit {kind}", "got a higher limit")
    except (ValueError, OSError):
        said(f"limit {kind}", "EPERM")
`,
    refusals: ['none', 'EPERM', 'EINVAL', 'EACCES'],
    least: 21,
  }),
  {
    name: 'user on the host',
    tries: 'Is root, or whoever runs the server, to files and processes outside.',
    attempt: async ({ live }) => {
      const { uid } = live.storage;
      if (uid === 0) return breach('the box runs as root');
      const own = process.getuid?.();
      if (own !== 0) return heldIf(uid === own, 'the user of the server, who is not root');
      const running = await processesOf(uid);
      return heldIf(running >= 2, `a user of its own, with ${running} processes`);
    },
  },
  inBox({
    name: 'device nodes',
    tries: 'Makes a node of a disk or of memory and reads it; looks for one that is there.',
    code: `
import stat
for name, kind, major, minor in (("disk", stat.S_IFBLK, 8, 0), ("loop", stat.S_IFBLK, 7, 0), ("virtual disk", stat.S_IFBLK, 254, 0),
                                 ("memory", stat.S_IFCHR, 1, 1), ("kernel log", stat.S_IFCHR, 1, 11), ("fuse", stat.S_IFCHR, 10, 229)):
    for folder in ("/workspace", "/env", "/tmp", "/dev/shm"):
        tried(f"{name} in {folder}", lambda: os.mknod(f"{folder}/node", kind | 0o666, os.makedev(major, minor)))
for path in ("/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/port", "/dev/sda", "/dev/vda", "/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/kvm"):
    tried(path, lambda: os.open(path, os.O_RDONLY))
`,
    refusals: ['EPERM', 'EACCES', 'ENOENT'],
    least: 34,
  }),
  inBox({
    name: 'mounts',
    tries: 'Mounts a file system over files that others trust, or opens the host again.',
    code: `
def mounted(source, target, kind, flags):
    result = libc.mount(source, target, kind, flags, None)
    if result != 0:
        raise OSError(ctypes.get_errno(), "")
    return result
os.makedirs("/tmp/at", exist_ok=True)
tried("tmpfs", lambda: mounted(b"none", b"/tmp/at", b"tmpfs", 0))
tried("proc", lambda: mounted(b"none", b"/tmp/at", b"proc", 0))
tried("bind", lambda: mounted(b"/", b"/tmp/at", None, 0x1000))
tried("remount", lambda: mounted(None, b"/usr", None, 0x20))
tried("umount", lambda: (_ for _ in ()).throw(OSError(ctypes.get_errno(), "")) if libc.umount2(b"/usr", 2) != 0 else "done")
`,
    refusals: ['EPERM'],
    least: 5,
  }),
  inBox({
    name: 'mount table',
    tries: 'Finds something of the host mounted that a box has no need of.',
    code: `
expected = {"/", "/usr", "/etc", "/proc", "/dev", "/tmp", "/workspace", "/env", "/boxd", "/run/egress.sock"}
with open("/proc/self/mountinfo") as file:
    for line in file:
        at = line.split()[4]
        said(at, "own" if at in expected or at.startswith(("/etc/", "/dev/")) else "got a mount")
`,
    refusals: ['own'],
    least: 10,
  }),
  inBox({
    name: 'system files',
    tries: 'Changes programs, libraries or settings that the host or later boxes use.',
    code: `
for path in ("/usr/bin/python3", "/usr/bin/bash", "/etc/passwd", "/etc/hosts", "/etc/ld.so.cache", "/boxd/__main__.py", "/boxd/box.py",
             "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/hostname",
             "/proc/sysrq-trigger", "/proc/2/oom_score_adj", "/proc/irq/default_smp_affinity", "/proc/bus/pci/devices"):
    tried("write " + path, lambda: writable(path, b"0"))
for folder in ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/etc/ssl", "/boxd", "/dev", "/opt", "/opt/boxswain/bin", "/run", "/proc"):
    tried("create in " + folder, lambda: os.open(folder + "/made-by-attack", os.O_CREAT | os.O_WRONLY))
for pid in ("self", "1", "2"):
    tried(f"be spared by the memory killer: {pid}", lambda: writable(f"/proc/{pid}/oom_score_adj", b"-1000"))
tried("rename", lambda: os.rename("/usr/bin/true", "/usr/bin/false"))
tried("replace a link", lambda: os.unlink("/bin"))
`,
    refusals: ['EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EIO', 'EXDEV', 'ENOTDIR', 'EBUSY'],
    least: 32,
  }),
  inBox({
    name: 'secrets of the host',
    tries: "Reads the host's passwords, homes and system folders, by their names and by way of other processes.",
    code: `
roots = ["", "/proc/1/root", "/proc/2/root", "/proc/self/root", "/oldroot", "/newroot", "/workspace/..", "/env/.."]
for root in roots:
    for path in ("/etc/shadow", "/root", "/home", "/var", "/sys", "/boot", "/srv", "/mnt"):
        tried(root + path, lambda: os.listdir(root + path) if os.path.isdir(root + path) else readable(root + path))
`,
    refusals: ['ENOENT', 'EACCES', 'EPERM'],
    least: 64,
  }),
  inBox({
    name: 'kernel log and addresses',
    tries: 'Learns where the kernel lies in memory.',
    code: `
tried("syslog", lambda: call(103, 3, ctypes.create_string_buffer(4096), 4096))
tried("syslog size", lambda: call(103, 10, 0, 0))
for path in ("/dev/kmsg", "/proc/kmsg", "/proc/kcore", "/proc/vmallocinfo"):
    tried(path, lambda: readable(path))
try:
    with open("/proc/kallsyms") as file:
        said("kallsyms", "zeros" if all(int(line.split()[0], 16) == 0 for line in file) else "got addresses")
except OSError as error:
    said("kallsyms", errno.errorcode[error.errno])
`,
    refusals: ['EPERM', 'EACCES', 'ENOENT', 'zeros'],
    least: 7,
  }),
  inBox({
    name: 'processes of others',
    tries: 'Sees, signals or traces what runs outside.',
    code: `
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            said("process " + name, "own" if open(f"/proc/{name}/comm").read().strip() in ("bwrap", "python3", "python") else "somebody else's")
        except FileNotFoundError:
            pass
tried("signal", lambda: os.kill(os.getppid() + 100000, 0))
for kind in ("shm", "sem", "msg"):
    with open("/proc/sysvipc/" + kind) as file:
        said("shared " + kind, "own" if len(file.readlines()) == 1 else "somebody else's")
`,
    refusals: ['own', 'ESRCH'],
    least: 6,
  }),
];

async function processesOf(uid: number): Promise<number> {
  const names = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const statuses = await Promise.all(names.map(name => readFile(`/proc/${name}/status`, 'utf8').catch(() => '')));
  return statuses.filter(status => new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm').test(status)).length;
}
