import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeClaudeStandIn } from '../../support/claude-stand-in.ts';
import { scratchDirectory } from '../../support/server.ts';
import type { TargetOptions } from '../../support/target.ts';

/** An agent that asks for leave in the plainest way and declares nothing, as `plain` among the configured ones. */
const plainAgent = fileURLToPath(new URL('../../agents/disorderly-agent.ts', import.meta.url));

/** Where agents work and keep their records, for all verifications of one process. */
export interface Grounds {
  readonly projects: string;
  /** Writes below the home of the user whose agents these are; in a cluster that of `worker-1`. */
  home(path: string, content: string | Buffer): Promise<string>;
}

interface Prepared {
  readonly grounds: Grounds;
  readonly options: TargetOptions;
}

let prepared: Promise<Prepared> | undefined;
let remove = async () => {};
after(() => remove());

/** Once for a process, so that its files can share a server. */
export const prepareGrounds = (): Promise<Prepared> => (prepared ??= prepare());

async function prepare(): Promise<Prepared> {
  const scratch = await scratchDirectory();
  remove = scratch.remove;
  const projects = join(scratch.path, 'projects');
  const homeOf = (name: string) => join(scratch.path, 'homes', name);
  for (const folder of [join(projects, 'shop'), homeOf('worker-1'), homeOf('worker-2')])
    await mkdir(folder, { recursive: true });
  const config = join(scratch.path, 'config.json');
  const agents = { plain: { command: [process.execPath, plainAgent] } };
  await writeFile(config, JSON.stringify({ sessions: { agents } }));
  const env = {
    BOXSWAIN_CONFIG: config,
    BOXSWAIN_SESSIONS_ROOTS: projects,
    CLAUDE_BIN: await writeClaudeStandIn(scratch.path),
    HOME: homeOf('worker-1'),
  };
  const grounds: Grounds = {
    projects,
    async home(path, content) {
      const file = join(homeOf('worker-1'), path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
  };
  // Of several machines each has a home of its own.
  const envOf = (name: string): Record<string, string> => (name.startsWith('worker') ? { HOME: homeOf(name) } : {});
  return { grounds, options: { env, envOf, workers: 2 } };
}
