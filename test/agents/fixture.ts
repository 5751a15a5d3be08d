import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/log/log.ts';
import { silentLog } from '../../src/log/log.ts';
import { AgentProcesses } from '../../src/worker/agents/processes/agent-processes.ts';

/** Folders of one agent's own, so that nobody's configuration, credentials or history are read or changed. */
export class AgentFixture {
  readonly root: string;
  readonly processes: AgentProcesses;
  readonly #before: string;

  private constructor(root: string, before: string, log: Log) {
    this.root = root;
    this.#before = before;
    this.processes = new AgentProcesses({ directory: join(root, 'processes'), log });
  }

  static async make(name: string, log: Log = silentLog): Promise<AgentFixture> {
    const root = await realpath(await mkdtemp(join(tmpdir(), `boxswain-${name}-`)));
    for (const folder of ['home', 'config', 'work', 'tmp', 'processes']) await mkdir(join(root, folder));
    return new AgentFixture(root, await outside(), log);
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** What every agent gets, and nothing else of ours. */
  get environment(): Record<string, string> {
    return {
      HOME: this.path('home'),
      TMPDIR: this.path('tmp'),
      PATH: `${join(process.execPath, '..')}:/usr/local/bin:/usr/bin:/bin`,
      LANG: 'C.UTF-8',
      SHELL: '/bin/sh',
      USER: 'tester',
    };
  }

  /** Processes that still run with the fixture as their home. */
  async survivors(): Promise<string[]> {
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name) && Number(name) !== process.pid);
    const commands = pids.map(async pid => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return environment.includes(`HOME=${this.path('home')}\0`) ? [`${pid} ${command.replaceAll('\0', ' ')}`] : [];
    });
    return (await Promise.all(commands)).flat();
  }

  /** What changed outside of the fixture since it was made, where agents keep their things; empty when all is well. */
  async changesOutside(): Promise<string> {
    const now = await outside();
    return now === this.#before ? '' : `before: ${this.#before}\nnow: ${now}`;
  }

  async remove(): Promise<void> {
    await this.processes.close();
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

const KEPT_AT_HOME = [
  ...['.claude', '.claude.json', '.codex', '.gemini', '.config/opencode', '.config/codex', '.opencode'],
  ...['.local/share/opencode', '.local/state/opencode', '.local/share/claude', '.cache/opencode', '.cache/claude'],
];

/** Only whether they are there and when they last changed: nothing is read. */
async function outside(): Promise<string> {
  const places = [...KEPT_AT_HOME.map(name => join(homedir(), name)), join(tmpdir(), 'cc-socks')];
  const found = places.map(async place => {
    const stats = await stat(place).catch(() => undefined);
    return stats === undefined ? [] : [`${place} ${stats.mtimeMs}`];
  });
  return (await Promise.all(found)).flat().join(', ');
}
