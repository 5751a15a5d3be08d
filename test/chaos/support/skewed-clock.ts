import { execFile } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Settings under which a program sees the time of day that many seconds off; time that passes it sees as it is. Debian's package
 * `faketime`, which the set-up of the tests installs. Throws when Node does not believe it.
 */
export async function skewedClock(seconds: number): Promise<Record<string, string>> {
  const [library] = await Array.fromAsync(glob('/usr/lib/*/faketime/libfaketimeMT.so.1'));
  if (!library) throw new Error('libfaketime is needed for this test: apt-get install faketime');
  const env = {
    LD_PRELOAD: library,
    FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // Files keep the time that the kernel gives them.
    NO_FAKE_STAT: '1',
  };
  const { stdout } = await run(process.execPath, ['-p', 'Date.now()'], { env });
  const offBy = (Number(stdout) - Date.now()) / 1000;
  if (Math.abs(offBy - seconds) > 30) throw new Error(`the clock of Node is ${offBy} s off, not ${seconds} s`);
  return env;
}

/** Whether a running process has the library that skews its clock. */
export async function isSkewed(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/maps`, 'utf8')).includes('libfaketime');
}
