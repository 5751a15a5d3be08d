import { z } from 'zod';
import { script } from './programs.ts';
import type { LintTool } from './diagnostics.ts';

export const findLintersScript = script('walk.py', 'find_linters.py');

const program = z.string().max(4096).nullable();
/** What `find_linters.py` answers. */
export const lintersSchema = z.object({
  programs: z.object({ ruff: program, mypy: program, eslint: program, tsc: program }),
  hasPython: z.boolean(),
  hasScript: z.boolean(),
  hasTypescript: z.boolean(),
  hasTsconfig: z.boolean(),
  hasEslintConfig: z.boolean(),
});
export type Linters = z.output<typeof lintersSchema>;

export const LINT_TOOLS: readonly LintTool[] = ['ruff', 'mypy', 'eslint', 'tsc'];

/** Why a linter that is there has nothing to do; undefined when it has. */
export function idleReason(tool: LintTool, found: Linters): string | undefined {
  if (tool === 'ruff' || tool === 'mypy') return found.hasPython ? undefined : 'no Python files';
  if (tool === 'eslint') {
    if (!found.hasScript) return 'no JavaScript or TypeScript files';
    return found.hasEslintConfig ? undefined : 'no eslint.config.js or other configuration';
  }
  if (!found.hasTypescript && !found.hasTsconfig) return 'no TypeScript files';
  return undefined;
}

/** Arguments under which each puts out its report and leaves nothing in the workspace. */
export function lintArgs(tool: LintTool, { paths, found }: { paths: readonly string[]; found: Linters }): string[] {
  const where = paths.length === 0 ? ['.'] : paths;
  switch (tool) {
    case 'ruff':
      return ['check', '--output-format', 'json', '--no-cache', '--quiet', '--', ...where];
    case 'mypy': {
      const plain = ['--no-pretty', '--no-color-output', '--no-error-summary', '--hide-error-context'];
      const cache = ['--cache-dir', '/tmp/.mypy_cache'];
      return ['--show-column-numbers', '--show-error-codes', ...plain, ...cache, '--', ...where];
    }
    case 'eslint':
      return ['--format', 'json', '--no-error-on-unmatched-pattern', '--', ...where];
    case 'tsc':
      // Named files would set the project's own options aside, so with a project its diagnostics are chosen afterwards.
      return found.hasTsconfig
        ? ['--noEmit', '--pretty', 'false', '--project', '.']
        : ['--noEmit', '--pretty', 'false', ...paths.map(path => (path.startsWith('-') ? `./${path}` : path))];
  }
}
