import { z } from 'zod';
import { AppError } from '../../../errors/app-error.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { script } from './programs.ts';

type TestJob = JobOf<'test'>;
export type Framework = Exclude<TestJob['framework'], 'auto'>;

export const findTestsScript = script('walk.py', 'find_tests.py');
const unittestRunner = script('unittest_runner.py');

const path = z.string().max(4096);
const nodeRunner = z.object({ wanted: z.boolean(), program: path.nullable() });
/** What `find_tests.py` answers. */
export const foundSchema = z.object({
  vitest: nodeRunner,
  jest: nodeRunner,
  node: path.nullable(),
  nodeTests: z.array(path).max(1000),
  hasPytest: z.boolean(),
  isPytestConfigured: z.boolean(),
  hasPytestFiles: z.boolean(),
  unittestStart: path.nullable(),
  isFile: z.boolean(),
});
export type Found = z.output<typeof foundSchema>;

/**
 * What runs the tests: a vitest or jest dependency, pytest (configured, or installed with files for it), `node --test` files,
 * unittest, in this order. Throws NO_TESTS_FOUND.
 */
export function pickFramework(found: Found, where: string | undefined): Framework {
  if (found.vitest.wanted) return 'vitest';
  if (found.jest.wanted) return 'jest';
  if (found.isPytestConfigured || (found.hasPytest && found.hasPytestFiles)) return 'pytest';
  if (found.nodeTests.length > 0 && found.node !== null) return 'node';
  if (found.unittestStart !== null) return 'unittest';
  throw noTests(where);
}

export function noTests(where: string | undefined): AppError {
  return new AppError('NO_TESTS_FOUND', `no tests found${where ? ` in ${where}` : ''}`, {
    hint: 'write tests, such as test_example.py or example.test.js, or name framework or path',
  });
}

export interface TestCommand {
  readonly argv: readonly string[];
  /** How the report is to be read. */
  readonly form: 'junit' | 'jest' | 'plain';
}

/** The command that runs the tests and leaves its report in `report`. Throws TOOL_NOT_INSTALLED and NO_TESTS_FOUND. */
export function testCommand(
  framework: Framework,
  { job, found, report }: { job: TestJob; found: Found; report: string },
): TestCommand {
  const { args } = job;
  const where = job.path ? [job.path.startsWith('-') ? `./${job.path}` : job.path] : [];
  switch (framework) {
    case 'pytest': {
      if (!found.hasPytest) throw notInstalled('pytest', 'python');
      const options = ['-o', 'junit_family=xunit1', '-o', 'cache_dir=/tmp/.pytest_cache', `--junitxml=${report}`];
      return { argv: ['python3', '-m', 'pytest', ...options, ...args, ...where], form: 'junit' };
    }
    case 'unittest': {
      const runner = ['python3', '-c', unittestRunner, report];
      if (found.isFile) return { argv: [...runner, ...args, ...where], form: 'plain' };
      if (found.unittestStart === null) throw noTests(job.path);
      return { argv: [...runner, 'discover', '-s', where[0] ?? found.unittestStart, ...args], form: 'plain' };
    }
    case 'vitest': {
      const program = found.vitest.program ?? missing('vitest');
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
      const place = found.isFile || where.length === 0 ? where : ['--dir', ...where];
      return { argv: [program, 'run', ...reporters, ...args, ...place], form: 'jest' };
    }
    case 'jest': {
      const program = found.jest.program ?? missing('jest');
      const place = found.isFile ? ['--runTestsByPath', ...where] : where.map(folderPattern);
      return { argv: [program, '--ci', '--json', `--outputFile=${report}`, ...args, ...place], form: 'jest' };
    }
    case 'node': {
      const program = found.node ?? missing('node');
      if (found.nodeTests.length === 0) throw noTests(job.path);
      const reporters = ['spec', 'stdout', 'junit', report];
      const options = reporters.map((value, at) => `--test-reporter${at % 2 === 0 ? '' : '-destination'}=${value}`);
      const files = found.nodeTests.map(file => (file.startsWith('-') ? `./${file}` : file));
      return { argv: [program, '--test', ...options, ...args, ...files], form: 'junit' };
    }
  }
}

/** jest takes a pattern for absolute paths: the bare name of a folder would fit files elsewhere. */
const folderPattern = (folder: string): string => `/${folder.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}/`;

function missing(tool: string): never {
  throw notInstalled(tool, 'node');
}

function notInstalled(tool: string, manager: 'python' | 'node'): AppError {
  return new AppError('TOOL_NOT_INSTALLED', `${tool} is not installed`, {
    hint: `call pkg_install with packages: "${tool}"${manager === 'node' ? ', manager: "node"' : ''}`,
    details: { tool },
  });
}
