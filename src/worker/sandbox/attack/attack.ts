import type { Boxd, RunEnd } from '../boxd/boxd.ts';
import type { Box, BoxStorage, EngineReport } from '../engine.ts';
import type { Limits } from '../../../protocol/workspace-spec.ts';

/** Whether an attempt to get out of a box failed, as it must, and by what that can be told. */
export interface Verdict {
  readonly held: boolean;
  /** In words; holds no path of the host. */
  readonly detail: string;
}

/** One way out of a box, tried for real. */
export interface Attack {
  readonly name: string;
  /** What an attacker hopes for, as a sentence. */
  readonly tries: string;
  /** Leaves the box dead or unwell, so that the next attack gets another. */
  readonly spoilsBox?: true;
  /** Rejects when it could not be made, which counts as not held. */
  attempt(stage: Stage): Promise<Verdict>;
}

/** What an attack works with: a box as a caller has it, and the host around it. */
export interface Stage {
  readonly report: EngineReport;
  readonly limits: Limits;
  /** Folder on the host, outside of any box, where nothing may ever appear. */
  readonly outside: string;
  /** The storage is an image that only the box has mounted, so the host cannot look into it. */
  readonly isImage: boolean;
  readonly live: LiveStage;
  /** Ends the box and makes another on the same storage. */
  restart(): Promise<LiveStage>;
  /** Code in a fork of the box's interpreter. */
  python(code: string, options?: RunningOptions): Promise<Ran>;
  /** A program of the box, run from the root of its files. */
  exec(argv: readonly string[], options?: RunningOptions): Promise<Ran>;
}

export interface LiveStage {
  readonly box: Box;
  readonly boxd: Boxd;
  readonly storage: BoxStorage;
}

export interface RunningOptions {
  readonly timeoutMs?: number;
  readonly outputBytes?: number;
  /** In a context of this name instead of a fork of its own. Only for Python. */
  readonly context?: string;
}

/** What a program in the box did; of each stream the first 256 KiB. */
export interface Ran extends RunEnd {
  readonly stdout: string;
  readonly stderr: string;
  /** All that came, both streams. */
  readonly outputBytes: number;
}

/**
 * Python for code that tries things: `tried(name, act)` puts out a line `name<TAB>outcome`, where the outcome is the name of the
 * error that `act` met, or `got <result>`. `call(number, ...)` is a system call by number.
 */
export const PRELUDE = `
import ctypes, errno, os, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def said(name, outcome):
    sys.stdout.write(f"{name}\\t{str(outcome)[:200]}\\n")
    sys.stdout.flush()
def tried(name, act):
    try:
        outcome = f"got {act()!r}"
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error))
    said(name, outcome)
def call(number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result
def readable(path, mode="rb"):
    with open(path, mode) as file:
        return file.read(64)
def writable(path, data=b"x"):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)
`;

/** What is tried by one program in the box, and what its lines may say if all of it failed. */
export interface InBox {
  readonly name: string;
  readonly tries: string;
  readonly spoilsBox?: true;
  /** Python after the prelude. */
  readonly code: string;
  readonly context?: string;
  /** Outcomes that mean: it did not work. */
  readonly refusals: readonly string[];
  /** How many things are tried at least; fewer lines mean that the attempt itself went wrong. */
  readonly least: number;
}

/** An attack that is wholly inside the box. */
export function inBox({ code, context, refusals, least, ...rest }: InBox): Attack {
  return {
    ...rest,
    attempt: async stage => judgeLines(await stage.python(`${PRELUDE}\n${code}`, { context }), { refusals, least }),
  };
}

/** Held when at least so many things were tried and each of them met one of the refusals. */
export function judgeLines(
  { stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>,
  { refusals, least }: Pick<InBox, 'refusals' | 'least'>,
): Verdict {
  const lines = stdout.split('\n').filter(line => line.includes('\t'));
  const through = lines.filter(line => !refusals.includes(line.slice(line.indexOf('\t') + 1)));
  if (through.length > 0) return breach(through.map(line => line.replace('\t', ': ')).join('; '));
  if (lines.length < least) {
    const why = stderr.trim().split('\n').at(-1) ?? '';
    return breach(`only ${lines.length} of ${least} attempts were made${why === '' ? '' : ` (${why})`}`);
  }
  const outcomes = [...new Set(lines.map(line => line.slice(line.indexOf('\t') + 1)))];
  return held(`${lines.length} tried: ${outcomes.join(', ')}`);
}

export const held = (detail: string): Verdict => ({ held: true, detail });
export const breach = (detail: string): Verdict => ({ held: false, detail: detail.slice(0, 1000) });

/** Held when the condition is true; the detail is the same either way. */
export const heldIf = (isHeld: boolean, detail: string): Verdict => (isHeld ? held(detail) : breach(detail));

/** Settles with the error of a promise that must reject, undefined when it was fulfilled. */
export async function refusalOf(attempt: Promise<unknown>): Promise<Error | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The box still does what it is asked. */
export async function answers(stage: Pick<Stage, 'python'>): Promise<boolean> {
  const { stdout, exitCode } = await stage.python('print(6 * 7)');
  return exitCode === 0 && stdout === '42\n';
}
