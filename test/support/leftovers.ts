import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launcherMark } from '../../src/worker/sandbox/engines/bubblewrap/orphans.ts';

const run = promisify(execFile);

interface Row {
  pid: number;
  parent: number;
  args: string;
}

async function processes(): Promise<Row[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=,args='], { maxBuffer: 64 * 1024 * 1024 });
  return stdout.split('\n').flatMap(line => {
    const found = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return found ? [{ pid: Number(found[1]), parent: Number(found[2]), args: found[3] ?? '' }] : [];
  });
}

/**
 * What is there of a directory's boxes that does not descend from the given process: processes, mounts, loop devices. A line each;
 * empty when nothing was left behind.
 */
export async function leftovers(directory: string, livePid?: number): Promise<string[]> {
  const rows = await processes();
  const parents = new Map(rows.map(row => [row.pid, row.parent]));
  const descends = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === livePid) return true;
    return false;
  };
  const names = [directory, ...(await marksBelow(directory))];
  const orphans = rows.filter(
    row =>
      names.some(name => row.args.includes(name)) &&
      row.pid !== process.pid &&
      !descends(row.pid) &&
      !row.args.startsWith('ps '),
  );
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter(line => line.includes(directory));
  const loops = livePid === undefined ? await loopFiles(directory) : [];
  return [
    ...orphans.map(row => `process ${row.pid}: ${row.args.slice(0, 200)}`),
    ...mounts.map(line => `mount ${line}`),
    ...loops.map(file => `loop ${file}`),
  ];
}

/** Launchers of boxes do not name their directory: it is this one, or one in it. */
async function marksBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter(entry => entry.isDirectory()).map(entry => join(directory, entry.name));
  const below = await Promise.all(
    folders.map(async folder => {
      const inner = await readdir(folder, { withFileTypes: true }).catch(() => []);
      return inner.filter(entry => entry.isDirectory()).map(entry => join(folder, entry.name));
    }),
  );
  return [directory, ...folders, ...below.flat()].map(launcherMark);
}

async function loopFiles(directory: string): Promise<string[]> {
  const devices = (await readdir('/sys/block').catch(() => [])).filter(name => name.startsWith('loop'));
  const files = await Promise.all(
    devices.map(name => readFile(join('/sys/block', name, 'loop/backing_file'), 'utf8').catch(() => '')),
  );
  return files.filter(file => file.includes(directory)).map(file => file.trim());
}

export interface Footprint {
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly children: number;
}

/** What a process and its children take. */
export async function footprint(pid: number): Promise<Footprint> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
  const rows = await processes();
  const below = (parent: number): number =>
    rows.filter(row => row.parent === parent).reduce((sum, row) => sum + 1 + below(row.pid), 0);
  return { residentBytes: Number(resident ?? 0) * 1024, descriptors, children: below(pid) };
}
