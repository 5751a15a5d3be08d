import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { JobOf } from '../../../protocol/jobs.ts';
import { diskFull, errorLine, exitCodeOf, type ProgramEnd, Programs, script } from './programs.ts';
import {
  type Framework,
  findTestsScript,
  foundSchema,
  noTests,
  pickFramework,
  type TestCommand,
  testCommand,
} from './test-frameworks.ts';
import type { ToolBox, ToolOutput } from './toolbox.ts';

const readReportScript = script('read_report.py');
const count = z.int().min(0);
const failureSchema = z.object({
  id: z.string().max(500),
  file: z.string().max(500).nullable(),
  line: z.int().nullable(),
  message: z.string().max(2000),
});
const reportSchema = z
  .object({ passed: count, failed: count, skipped: count, errors: count, failures: z.array(failureSchema).max(50) })
  .nullable();
type Report = NonNullable<z.output<typeof reportSchema>>;

/** No colours, no questions, no watching, nothing left behind. */
const ENV = { CI: '1', NO_COLOR: '1', FORCE_COLOR: '0', PYTHONDONTWRITEBYTECODE: '1' };
const READING_SECONDS = 60;
const NOTHING_RAN = /\bno tests? (?:files? )?(?:were )?(?:found|ran|collected)|\bcollected 0 items\b/i;

/**
 * Runs the tests of the workspace and counts them from a machine-readable report. Failing tests are a result. Throws
 * TOOL_NOT_INSTALLED, NO_TESTS_FOUND, DISK_FULL.
 */
export async function runTests(job: JobOf<'test'>, box: ToolBox): Promise<ToolOutput> {
  const programs = new Programs(box, job);
  box.report({ stage: 'looking for tests' });
  const found = await programs.ask(findTestsScript, [job.path ?? ''], foundSchema);
  const framework = job.framework === 'auto' ? pickFramework(found, job.path) : job.framework;
  const report = `/tmp/boxswain-${randomUUID()}`;
  const command = testCommand(framework, { job, found, report });
  box.report({ stage: 'running tests', message: framework });
  const end = await programs.run({ argv: command.argv, env: ENV });
  const counted = await readReport(command.form, { report, box });
  const tests = counted ?? { passed: 0, failed: 0, skipped: 0, errors: 0, failures: [] };
  const total = tests.passed + tests.failed + tests.skipped + tests.errors;
  if (total === 0 && foundNothing({ end, framework, hasReport: counted !== null })) throw noTests(job.path);
  if (end.diskFull && counted === null) throw diskFull({ output: end.output });
  const isBroken =
    counted === null || end.timedOut || end.outputExceeded || (end.exitCode !== 0 && tests.failed + tests.errors === 0);
  const shown = isBroken ? withRunner(tests, { framework, end, timeoutSeconds: job.timeoutSeconds }) : tests;
  return {
    framework,
    total: shown.passed + shown.failed + shown.skipped + shown.errors,
    passed: shown.passed,
    failed: shown.failed,
    skipped: shown.skipped,
    errors: shown.errors,
    duration_ms: end.durationMs,
    failures: shown.failures.map(withoutNulls),
    exit_code: exitCodeOf(end),
    output: end.output,
    truncated: end.isCut || shown.failed + shown.errors > shown.failures.length,
    ...(end.timedOut ? { timed_out: true } : {}),
  };
}

/** Null when there is none that can be read. Has time of its own: a run that was stopped may have left one. */
export function readReport(form: TestCommand['form'], { report, box }: { report: string; box: ToolBox }) {
  const programs = new Programs(box, { timeoutSeconds: READING_SECONDS });
  return programs.ask(readReportScript, [form, report], reportSchema);
}

const PYTEST_NOTHING = 5;

/** An exit of 0 proves nothing without a report: the tests may have ended the runner. */
function foundNothing({ end, framework, hasReport }: { end: ProgramEnd; framework: Framework; hasReport: boolean }) {
  if (end.timedOut || end.signal !== null) return false;
  if (framework === 'pytest') return end.exitCode === PYTEST_NOTHING;
  if (NOTHING_RAN.test(end.output)) return true;
  return hasReport && (end.exitCode === 0 || framework === 'unittest');
}

/** The runner itself failed: an error more, so that nothing looks like a success that was none. */
function withRunner(
  tests: Report,
  { framework, end, timeoutSeconds }: { framework: Framework; end: ProgramEnd; timeoutSeconds: number },
): Report {
  const message = end.timedOut
    ? `the tests did not end within ${timeoutSeconds} s`
    : end.outputExceeded
      ? 'the tests put out more than output_mb allows'
      : errorLine(end.output, /\berror\b/i);
  const failure = { id: framework, file: null, line: null, message };
  return { ...tests, errors: tests.errors + 1, failures: [failure, ...tests.failures].slice(0, 50) };
}

function withoutNulls({ id, file, line, message }: Report['failures'][number]) {
  return { id, ...(file === null ? {} : { file }), ...(line === null ? {} : { line }), message };
}
