import type { JobOf } from '../../../protocol/jobs.ts';
import { AppError } from '../../../errors/app-error.ts';
import { type Diagnostic, type LintTool, parsers } from './diagnostics.ts';
import { findLintersScript, idleReason, LINT_TOOLS, type Linters, lintArgs, lintersSchema } from './linters.ts';
import { diskFull, errorLine, exitCodeOf, isDiskFull, Programs } from './programs.ts';
import type { ToolBox, ToolOutput } from './toolbox.ts';

type LintJob = JobOf<'lint'>;

const MOST_DIAGNOSTICS = 500;
/** 0: nothing found, 1 and 2: something found, by the conventions of the four. */
const TSC_FOUND = [0, 1, 2];
const FOUND = [0, 1];

/**
 * Runs the linters that are in the workspace, its packages or the box, and that have something to look at. Diagnostics are a
 * result. Throws TOOL_NOT_INSTALLED when none is there, DISK_FULL.
 */
export async function runLint(job: LintJob, box: ToolBox): Promise<ToolOutput> {
  const programs = new Programs(box, job);
  const wanted = LINT_TOOLS.filter(tool => job.tools === undefined || job.tools.includes(tool));
  const paths = job.paths.map(path => (path === '' ? '.' : path));
  box.report({ stage: 'looking for linters' });
  const found = await programs.ask(findLintersScript, paths, lintersSchema);
  if (wanted.every(tool => found.programs[tool] === null)) throw noneInstalled(wanted);
  const ran: { tool: LintTool; version: string; exit_code: number | null }[] = [];
  const skipped: { tool: LintTool; reason: string }[] = [];
  const all: Diagnostic[] = [];
  for (const tool of wanted) {
    const program = found.programs[tool];
    const reason = program === null ? 'not installed' : idleReason(tool, found);
    if (program === null || reason !== undefined) {
      skipped.push({ tool, reason: reason ?? 'not installed' });
      continue;
    }
    box.report({ stage: 'checking', message: tool });
    const outcome = await lint({ tool, program, paths, found }, programs);
    if (outcome.problem !== undefined) skipped.push({ tool, reason: outcome.problem });
    else ran.push({ tool, version: outcome.version, exit_code: outcome.exitCode });
    all.push(...outcome.diagnostics);
  }
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of all) counts[severity] += 1;
  return {
    ran,
    skipped,
    diagnostics: all.slice(0, MOST_DIAGNOSTICS),
    counts,
    truncated: all.length > MOST_DIAGNOSTICS,
  };
}

interface Linting {
  readonly tool: LintTool;
  readonly program: string;
  readonly paths: readonly string[];
  readonly found: Linters;
}

/** `problem` when the linter did not do its work: that is no clean result. */
async function lint({ tool, program, paths, found }: Linting, programs: Programs) {
  const env = { NO_COLOR: '1', FORCE_COLOR: '0', CI: '1' };
  const asked = await programs.run({ argv: [program, '--version'], env });
  const version = /\d+(?:\.\d+)+[\w.+-]*/.exec(asked.stdout)?.[0] ?? 'unknown';
  if (tool === 'tsc' && !found.hasTsconfig && paths.length === 0) {
    return { version, exitCode: null, diagnostics: [], problem: 'no tsconfig.json; name the paths of files to check' };
  }
  const end = await programs.run({ argv: [program, ...lintArgs(tool, { paths, found })], env });
  if (isDiskFull(end)) throw diskFull({ output: end.output });
  const parsed = parsers[tool](end.stdout);
  const hasWorked = end.exitCode !== null && (tool === 'tsc' ? TSC_FOUND : FOUND).includes(end.exitCode);
  const isCrash = end.exitCode !== 0 && (parsed === undefined || parsed.length === 0);
  const diagnostics = (parsed ?? []).filter(({ file }) => tool !== 'tsc' || isBelow(file, paths));
  const exitCode = exitCodeOf(end);
  if (end.timedOut) return { version, exitCode, diagnostics, problem: 'did not end in time' };
  if (parsed === undefined || isCrash || (!hasWorked && diagnostics.length === 0)) {
    return { version, exitCode, diagnostics, problem: `failed: ${errorLine(end.output)}` };
  }
  return { version, exitCode, diagnostics, problem: undefined };
}

function isBelow(file: string, paths: readonly string[]): boolean {
  if (paths.length === 0 || file === '' || paths.includes('.')) return true;
  return paths.some(path => file === path || file.startsWith(`${path}/`));
}

function noneInstalled(wanted: readonly LintTool[]): AppError {
  const packages = wanted.map(tool => (tool === 'tsc' ? 'typescript' : tool));
  const isNode = wanted.every(tool => tool === 'eslint' || tool === 'tsc');
  const hint = isNode
    ? `call pkg_install with packages: "${packages.join(' ')}", manager: "node"`
    : `call pkg_install with packages: "${packages.filter(name => name === 'ruff' || name === 'mypy').join(' ')}"`;
  return new AppError('TOOL_NOT_INSTALLED', `none of ${wanted.join(', ') || 'the linters'} is installed`, {
    hint,
    details: { tools: [...wanted] },
  });
}
