import { deniedCalls } from '../engines/bubblewrap/seccomp.ts';
import { type Attack, inBox } from './attack.ts';

const NO_GAIN = 'Reaches a part of the kernel that programs in a box have no use for.';

const groups: Attack[] = Object.entries(deniedCalls).map(([group, numbers]) =>
  inBox({
    name: `system calls: ${group}`,
    tries: NO_GAIN,
    code: numbers.map(number => `tried("${number}", lambda: call(${number}, 0, 0, 0, 0, 0, 0))`).join('\n'),
    refusals: ['EPERM'],
    least: numbers.length,
  }),
);

/** What the kernel is asked for by number, and by every way of asking. */
export const systemCallAttacks: readonly Attack[] = [
  ...groups,
  inBox({
    name: 'system calls: clone with new namespaces',
    tries: 'Becomes root of namespaces of its own, where more of the kernel can be reached.',
    code: `
def cloned(flags):
    pid = call(56, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
for bit in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    tried(hex(bit), lambda: cloned(bit))
    tried(hex(bit) + " with a user", lambda: cloned(bit | 0x10000000))
`,
    refusals: ['EPERM'],
    least: 14,
  }),
  inBox({
    name: 'system calls: clone3',
    tries: 'Hides the flags of clone in memory, where no filter sees them.',
    code: `
args = ctypes.create_string_buffer(struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
def cloned():
    pid = call(435, ctypes.byref(args), 64)
    if pid == 0:
        os._exit(0)
    return pid
tried("clone3", cloned)
`,
    refusals: ['ENOSYS'],
    least: 1,
  }),
  inBox({
    name: 'system calls: x32 numbers',
    tries: 'Asks for a denied call under its second number.',
    code: 'for number in (39, 101, 165, 272, 321):\n    tried(hex(number), lambda: call(0x40000000 | number, 0, 0, 0, 0, 0))',
    refusals: ['ENOSYS'],
    least: 5,
  }),
  inBox({
    name: 'system calls: 32-bit entry',
    tries: 'Asks by int 0x80, whose numbers the filter does not know.',
    code: `
import mmap
def legacy():
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
pid = os.fork()
if pid == 0:
    legacy()
    os._exit(0)
status = os.waitpid(pid, 0)[1]
said("int 0x80", signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "got an answer")
`,
    refusals: ['SIGSYS', 'SIGSEGV'],
    least: 1,
  }),
  inBox({
    name: 'system calls: keystrokes',
    tries: 'Types into a terminal that somebody else reads.',
    code: `
import fcntl
_, terminal = os.openpty()
tried("TIOCSTI", lambda: fcntl.ioctl(terminal, 0x5412, b"x"))
tried("TIOCLINUX", lambda: fcntl.ioctl(terminal, 0x541c, b"\\x06\\x00"))
tried("TIOCSTI, high bits", lambda: call(16, terminal, 0x100005412, ctypes.create_string_buffer(b"x")))
tried("controlling terminal", lambda: os.open("/dev/tty", os.O_RDWR))
`,
    refusals: ['EPERM', 'ENXIO', 'ENOTTY'],
    least: 4,
  }),
  inBox({
    name: 'socket families',
    tries:
      'Opens sockets of kinds that reach the host or seldom tested code: netlink, packet, vsock, algorithms and so on.',
    code: `
for family in range(0, 64):
    if family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        continue
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        tried(f"socket {family} {kind}", lambda: call(41, family, kind, 0))
    tried(f"socketpair {family}", lambda: call(53, family, socket.SOCK_STREAM, 0, ctypes.create_string_buffer(8)))
`,
    refusals: ['EAFNOSUPPORT'],
    least: 61 * 4,
  }),
  inBox({
    name: 'raw sockets',
    tries: 'Forges packets.',
    code: `
tried("IPv4", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
tried("IPv6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
`,
    refusals: ['EPERM', 'EACCES'],
    least: 2,
  }),
];
