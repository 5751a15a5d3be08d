import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { JsonObject } from '../../../../protocol/json.ts';
import type { PermissionMode } from '../../../../protocol/sessions.ts';

const writeInput = z.object({ file_path: z.string(), content: z.string() });
const bashInput = z.object({ command: z.string() });
const run = promisify(execFile);

export interface ToolResult {
  readonly content: string;
  readonly isError: boolean;
}

export async function runTool(
  { name, input }: { name: string; input: JsonObject },
  { cwd, signal }: { cwd: string; signal: AbortSignal },
): Promise<ToolResult> {
  try {
    if (name === 'Write') {
      const { file_path, content } = writeInput.parse(input);
      const path = resolve(cwd, file_path);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      return { content: `wrote ${content.length} characters`, isError: false };
    }
    if (name === 'Bash') {
      const { command } = bashInput.parse(input);
      const { stdout } = await run('/bin/sh', ['-c', command], { cwd, signal });
      return { content: stdout, isError: false };
    }
    return { content: JSON.stringify(input), isError: false };
  } catch (error) {
    signal.throwIfAborted();
    return { content: error instanceof Error ? error.message : String(error), isError: true };
  }
}

/** What may be done without asking: by mode, and by what was allowed before for the session or, in a file, for the project. */
export class Leave {
  readonly #mode: PermissionMode;
  readonly #path: string;
  readonly #cwd: string;
  readonly #session = new Set<string>();

  constructor(mode: PermissionMode, { directory, cwd }: { directory: string; cwd: string }) {
    this.#mode = mode;
    this.#path = join(directory, 'allowed.json');
    this.#cwd = cwd;
  }

  of(tool: string): 'allowed' | 'denied' | 'ask' {
    if (this.#mode === 'bypassPermissions' || this.#mode === 'auto') return 'allowed';
    if (this.#mode === 'acceptEdits' && tool === 'Write') return 'allowed';
    if (this.#session.has(tool) || this.#project().includes(tool)) return 'allowed';
    return this.#mode === 'plan' || this.#mode === 'dontAsk' ? 'denied' : 'ask';
  }

  allow(tool: string, remember: 'session' | 'always'): void {
    this.#session.add(tool);
    if (remember === 'always') {
      const all = { ...this.#all(), [this.#cwd]: [...new Set([...this.#project(), tool])] };
      writeFileSync(this.#path, JSON.stringify(all));
    }
  }

  #project(): string[] {
    return this.#all()[this.#cwd] ?? [];
  }

  #all(): Record<string, string[]> {
    try {
      const kept = z.record(z.string(), z.array(z.string()));
      return kept.safeParse(JSON.parse(readFileSync(this.#path, 'utf8'))).data ?? {};
    } catch {
      return {};
    }
  }
}
