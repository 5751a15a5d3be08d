import { AppError } from '../../../../errors/app-error.ts';

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const AUDIT_ARCH_X86_64 = 0xc000003e;
const X32_BIT = 0x40000000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const CLONE_NEW_ANY = 0x7e020000;
const refuse = (errno: number): number => 0x00050000 | errno;

/** Numbers of the x86-64 table, by what they would give. From the kernel's `syscall_64.tbl`. */
export const deniedCalls = {
  io_uring: [425, 426, 427],
  'bpf and perf': [321, 298],
  'other processes': [101, 310, 311, 312, 438],
  keyrings: [248, 249, 250],
  namespaces: [272, 308],
  mounts: [165, 166, 155, 161, 428, 429, 430, 431, 432, 433, 442],
  'file handles': [303, 304],
  'kernel images and modules': [246, 320, 169, 175, 176, 177, 178, 180, 313],
  'memory tricks': [323, 447],
  'memory policy': [237, 238, 239, 256, 279],
  administration: [163, 167, 168, 170, 171, 153, 159, 164, 227, 305, 172, 173, 134, 139, 156, 179, 443, 103, 212, 300],
} as const;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** The filter as the kernel reads it (`struct sock_filter`, little-endian). Only x86-64 has a table: elsewhere it throws. */
export function seccompFilter(architecture: string = process.arch): Buffer {
  if (architecture !== 'x64') {
    throw new AppError('CAPABILITY_UNSUPPORTED', `there is no system call filter for ${architecture}`, {
      hint: 'run the worker on x86-64',
    });
  }
  const code: Instruction[] = [];
  const load = (offset: number) => code.push([0x20, 0, 0, offset]);
  const answer = (value: number) => code.push([0x06, 0, 0, value]);
  const equal = (value: number, yes: number, no: number) => code.push([0x15, yes, no, value]);
  const anyBit = (bits: number, yes: number, no: number) => code.push([0x45, yes, no, bits]);
  load(4);
  equal(AUDIT_ARCH_X86_64, 1, 0);
  answer(KILL_PROCESS);
  load(0);
  code.push([0x35, 0, 1, X32_BIT]);
  answer(refuse(ENOSYS));
  for (const number of Object.values(deniedCalls).flat()) {
    equal(number, 0, 1);
    answer(refuse(EPERM));
  }
  // clone3 hides its flags in memory; libc falls back to clone, whose flags can be seen.
  equal(435, 0, 1);
  answer(refuse(ENOSYS));
  equal(56, 0, 4);
  load(16);
  anyBit(CLONE_NEW_ANY, 0, 1);
  answer(refuse(EPERM));
  answer(ALLOW);
  // ioctl TIOCSTI and TIOCLINUX put keystrokes into a terminal.
  equal(16, 0, 5);
  load(24);
  equal(0x5412, 1, 0);
  equal(0x541c, 0, 1);
  answer(refuse(EPERM));
  answer(ALLOW);
  // socket and socketpair: UNIX, INET and INET6 only.
  for (const number of [41, 53]) {
    equal(number, 0, 6);
    load(16);
    equal(1, 2, 0);
    equal(2, 1, 0);
    equal(10, 0, 1);
    answer(ALLOW);
    answer(refuse(EAFNOSUPPORT));
  }
  answer(ALLOW);
  const bytes = Buffer.alloc(code.length * 8);
  for (const [at, [operation, yes, no, k]] of code.entries()) {
    bytes.writeUInt16LE(operation, at * 8);
    bytes.writeUInt8(yes, at * 8 + 2);
    bytes.writeUInt8(no, at * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, at * 8 + 4);
  }
  return bytes;
}
