/**
 * Installs real agents for the tests into a cache that is in nobody's way: pinned versions, from npm, without install scripts.
 * Nothing is logged in and nobody's own installation is touched. `node scripts/install-agents.ts [--latest] [claude codex …]`
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

interface Pinned {
  readonly packages: Readonly<Record<string, string>>;
  /** From the folder of the installation. */
  readonly program: string;
}

const platform = `${process.platform}-${process.arch}`;

/** These are what CI runs. They are hundreds of megabytes each, so they are no dependencies of the project. */
const agents = {
  claude: {
    packages: { '@anthropic-ai/claude-code': '2.1.330' },
    program: `node_modules/@anthropic-ai/claude-code-${platform}/claude`,
  },
  codex: {
    packages: { '@agentclientprotocol/codex-acp': '2.6.0', '@openai/codex': '0.166.0' },
    program: 'node_modules/.bin/codex-acp',
  },
  opencode: { packages: { 'opencode-ai': '1.18.33' }, program: `node_modules/opencode-${platform}/bin/opencode` },
  gemini: { packages: { '@google/gemini-cli': '0.61.0' }, program: 'node_modules/.bin/gemini' },
} satisfies Record<string, Pinned>;

export type AgentName = keyof typeof agents;

const cache = fileURLToPath(new URL('../node_modules/.cache/boxswain/agents/', import.meta.url));

/**
 * Path of the agent's program, which is fetched when it is missing. `BOXSWAIN_TEST_AGENTS=latest` is the newest that npm offers.
 * Rejects when it cannot be had.
 */
export async function installAgent(name: AgentName, isLatest = process.env.BOXSWAIN_TEST_AGENTS === 'latest') {
  const { packages, program } = agents[name];
  const versions = isLatest ? await newestOf(packages) : packages;
  const id = [name, ...Object.values(versions)].join('-');
  const folder = join(cache, id);
  if (!existsSync(join(folder, program))) await fetchInto(folder, { dependencies: versions, program });
  if (!existsSync(join(folder, program))) throw new Error(`${id} has no ${program}`);
  return { program: join(folder, program), version: Object.values(versions)[0] ?? '' };
}

async function fetchInto(
  folder: string,
  { dependencies, program }: { dependencies: Readonly<Record<string, string>>; program: string },
): Promise<void> {
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, 'fresh-'));
  try {
    await writeFile(join(fresh, 'package.json'), JSON.stringify({ private: true, dependencies }));
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: fresh });
    // Renamed when it is whole. Another process may have done the same meanwhile, and is using it: that one stays.
    await rename(fresh, folder).catch(async error => {
      if (existsSync(join(folder, program))) return;
      if (!existsSync(folder)) throw error;
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function newestOf(packages: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const [main = ''] = Object.keys(packages);
  const { stdout } = await run('npm', ['view', main, 'version', '--json']);
  return { [main]: z.string().parse(JSON.parse(stdout)) };
}

const run = promisify(execFile);

if (import.meta.filename === process.argv[1]) {
  const wanted = process.argv.slice(2).filter(word => !word.startsWith('--'));
  const known = z.array(z.enum(['claude', 'codex', 'opencode', 'gemini']));
  for (const name of known.parse(wanted.length > 0 ? wanted : ['claude', 'codex'])) {
    const { program, version } = await installAgent(name, process.argv.includes('--latest'));
    console.log(`${name} ${version}: ${program}`);
  }
}
