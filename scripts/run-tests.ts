/** Runs the test files below the given paths (default: all) with Node's own runner; its summary is the last thing printed. */
import { spawn } from 'node:child_process';
import { glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of two cores, while verifications wait for each other's processes. */
const AT_ONCE = 3;
const FILE_LIMIT_MS = 420_000;
/** Enough that starting a process is no matter, and few enough to keep all cores busy. */
const FILES_OF_A_ROOM = 16;
/**
 * Files that set something up for all of their tests would do so for those of the whole room. So would those that turn the clock of
 * their process.
 */
const NEEDS_A_PROCESS =
  /^(?:before|beforeEach|after|afterEach)\(|around-tests\.ts'|\bmock\.timers\b|process\.env\.\w+ = /m;

const root = fileURLToPath(new URL('..', import.meta.url));
const paths = process.argv.slice(2);
const patterns = (paths.length > 0 ? paths : ['src', 'test']).map(path =>
  path.endsWith('.ts') ? path : `${path}/**/*.test.ts`,
);
const files = (await Array.fromAsync(glob(patterns))).filter(file => !file.includes('node_modules')).sort();
if (files.length === 0) {
  console.error(`no test files below ${patterns.join(', ')}`);
  process.exit(1);
}
const scratch = await mkdtemp(join(tmpdir(), 'boxswain-rooms-'));
const code = await run(await inRooms(files)).finally(() => rm(scratch, { recursive: true }));
process.exit(code);

/** Most of what a small test takes is loading the program: unit tests of one folder below `src` share a process. */
async function inRooms(all: readonly string[]): Promise<string[]> {
  const alone: string[] = [];
  const rooms = new Map<string, string[]>();
  for (const file of all) {
    const [top, room = ''] = relative(root, file).split('/');
    if (top !== 'src' || NEEDS_A_PROCESS.test(await readFile(file, 'utf8'))) alone.push(file);
    else rooms.set(room, [...(rooms.get(room) ?? []), file]);
  }
  const shared: string[] = [];
  for (const [room, inside] of rooms) {
    for (let at = 0; at < inside.length; at += FILES_OF_A_ROOM) {
      const some = inside.slice(at, at + FILES_OF_A_ROOM);
      const path = join(scratch, `${room}-${at / FILES_OF_A_ROOM}.test.mjs`);
      const imports = some.map(
        file => `import ${JSON.stringify(pathToFileURL(join(root, relative(root, file))).href)};\n`,
      );
      await writeFile(path, imports.join(''));
      shared.push(path);
    }
  }
  return [...shared, ...alone];
}

/** Answers the exit code. */
function run(chosen: readonly string[]): Promise<number> {
  const flags = ['--test', `--test-concurrency=${AT_ONCE}`, `--test-timeout=${FILE_LIMIT_MS}`, '--test-reporter=spec'];
  const child = spawn(process.execPath, [...flags, '--disable-warning=ExperimentalWarning', ...chosen], {
    stdio: 'inherit',
    // Thousands of processes of the same program are started: with this most of them need half the time.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'), ...process.env },
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status, signal) => resolve(signal ? 1 : (status ?? 1)));
  });
}
