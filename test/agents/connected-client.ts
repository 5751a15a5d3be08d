import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { z } from 'zod';
import { startScriptedModel } from '../support/scripted-model/server.ts';
import { addInit } from '../../src/cli/init/init-command.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { RecordingTerminal } from '../support/recording-terminal.ts';
import { mainFile } from '../support/server.ts';
import { AgentFixture } from './fixture.ts';

/** How one real client is asked what it has. */
export interface RealClient {
  readonly name: string;
  readonly program: string;
  /** One prompt without a terminal. */
  readonly words: readonly string[];
  /** Before Boxswain comes: what its user needs to have. `origin` is where the model is. */
  prepare(fixture: AgentFixture, origin: string): Promise<Record<string, string>>;
}

const REPORT = z.object({ files: z.array(z.object({ outcome: z.string(), file: z.string() })) });
const LIMIT_MS = 120_000;

/**
 * A client in a home of its own, which `boxswain init` connects: by a process, then by the address of a server. Each time the client
 * itself is run, and must offer Boxswain's tools to its model; at the end nothing of Boxswain is left in its file.
 */
export async function provesConnection(url: string, { name, program, words, prepare }: RealClient): Promise<void> {
  const fixture = await AgentFixture.make(name);
  const offered = new Set<string>();
  const model = await startScriptedModel({
    hears: body => {
      for (const tool of namesOfTools(body)) offered.add(tool);
    },
  });
  try {
    const env = { ...fixture.environment, ...(await prepare(fixture, model.origin)) };
    await mkdir(fixture.path('data'), { recursive: true, mode: 0o711 });
    const init = (...more: string[]) => initIn(fixture, env, ['--client', name, '--toolsets', 'core', ...more]);
    const isOffered = async () => {
      offered.clear();
      const path = `${dirname(program)}:${env.PATH}`;
      const said = await output(program, words, { env: { ...env, PATH: path }, cwd: fixture.path('work') });
      // Where no sandbox can be had, as in a folder that users of boxes cannot reach, those are among the tools that are left.
      const found = [...offered].filter(tool => /(?:^|_)(?:echo|task_get_result)$/.test(tool));
      assert.ok(found.length === 2, `${[...offered].join(' ')}\n${said}`);
    };
    const { file } = await init();
    await isOffered();
    assert.equal((await init('--url', `${url}/mcp`)).outcome, 'updated');
    await isOffered();
    const { outcome } = await init('--remove');
    assert.match(outcome, /^(?:restored|cut out)$/);
    assert.doesNotMatch(await readFile(file, 'utf8').catch(() => ''), /"?boxswain"?[\]:]/);
    assert.deepEqual(await fixture.survivors(), []);
  } finally {
    await model.close();
    await fixture.remove();
  }
}

async function initIn(fixture: AgentFixture, env: Record<string, string>, words: readonly string[]) {
  const terminal = new RecordingTerminal();
  const command = new Command().exitOverride();
  addInit(command, {
    ...{ terminal, env, operations: allOperations, signal: new AbortController().signal },
    flagsOf: () => ({ settings: { directory: fixture.path('data') } }),
    machine: { platform: process.platform, home: fixture.path('home'), env },
    launcher: { platform: process.platform, program: process.execPath, script: mainFile },
  });
  await command.parseAsync(['init', '--yes', '--json', ...words], { from: 'user' });
  return REPORT.parse(JSON.parse(terminal.stdout)).files[0] ?? assert.fail(terminal.stdout);
}

/** What it wrote, in whatever way it ended. Nobody types. */
async function output(program: string, words: readonly string[], options: { env: NodeJS.ProcessEnv; cwd: string }) {
  const child = spawn(program, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  const ended = once(child, 'exit');
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return `exit ${code}\n${stdout}\n${stderr}`;
}

/** Every name below `tools` of a request, in whichever wire's form. */
function namesOfTools(body: unknown): string[] {
  const { tools } = z.looseObject({ tools: z.unknown().optional() }).parse(body);
  const names: string[] = [];
  JSON.stringify(tools ?? [], (key, value: unknown) => {
    if (key === 'name' && typeof value === 'string') names.push(value);
    return value;
  });
  return names;
}
