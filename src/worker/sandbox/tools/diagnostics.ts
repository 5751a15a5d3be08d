import { z } from 'zod';
import { parseJson } from './programs.ts';

export type Severity = 'error' | 'warning' | 'info';

export type Diagnostic = {
  tool: LintTool;
  /** Relative to the workspace; empty for one that concerns no file. */
  file: string;
  line: number | null;
  column: number | null;
  severity: Severity;
  rule: string;
  message: string;
};

export type LintTool = 'ruff' | 'mypy' | 'eslint' | 'tsc';

const MAX_TEXT = 2000;
const MAX_NAME = 500;
const ROOT = '/workspace/';

/** Reads what a linter put out; undefined when that is no report. The text is the workspace's own and may hold anything. */
export type ReportParser = (stdout: string) => Diagnostic[] | undefined;

export const parsers: Readonly<Record<LintTool, ReportParser>> = { ruff, mypy, eslint, tsc };

const position = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31)
  .nullish()
  .catch(null);

const ruffSchema = z.array(
  z.looseObject({
    code: z.string().nullish().catch(null),
    filename: z.string().catch(''),
    location: z.looseObject({ row: position, column: position }).nullish().catch(null),
    message: z.string().catch(''),
  }),
);

/** Code that cannot run as it is; the rest is style or suspicion. */
const RUFF_ERRORS = /^(?:F|E9|invalid-syntax)/;

function ruff(stdout: string): Diagnostic[] | undefined {
  const found = ruffSchema.safeParse(parseJson(stdout)).data;
  return found?.map(({ code, filename, location, message }) =>
    diagnostic({
      tool: 'ruff',
      file: filename,
      line: location?.row,
      column: location?.column,
      severity: !code || RUFF_ERRORS.test(code) ? 'error' : 'warning',
      rule: code ?? 'invalid-syntax',
      message,
    }),
  );
}

const eslintSchema = z.array(
  z.looseObject({
    filePath: z.string().catch(''),
    messages: z.array(
      z.looseObject({
        ruleId: z.string().nullish().catch(null),
        severity: z.number().catch(2),
        fatal: z.boolean().optional().catch(undefined),
        message: z.string().catch(''),
        line: position,
        column: position,
      }),
    ),
  }),
);

function eslint(stdout: string): Diagnostic[] | undefined {
  const files = eslintSchema.safeParse(parseJson(stdout)).data;
  return files?.flatMap(({ filePath, messages }) =>
    messages.map(({ ruleId, severity, fatal, message, line, column }) =>
      diagnostic({
        tool: 'eslint',
        file: filePath,
        line,
        column,
        severity: fatal || severity === 2 ? 'error' : 'warning',
        rule: ruleId ?? (fatal ? 'syntax' : ''),
        message,
      }),
    ),
  );
}

const MYPY = /^(.+?):(\d+)(?::(\d+))?(?::\d+:\d+)?: (error|warning|note): (.*?)(?: {2}\[([\w-]+)\])?$/;

function mypy(stdout: string): Diagnostic[] {
  return stdout.split('\n').flatMap(text => {
    const [, file, line, column, kind, message = '', rule = ''] = MYPY.exec(bounded(text)) ?? [];
    if (file === undefined) return [];
    const severity = kind === 'error' ? 'error' : kind === 'note' ? 'info' : 'warning';
    return [diagnostic({ tool: 'mypy', file, line: Number(line), column: optional(column), severity, rule, message })];
  });
}

const TSC = /^(?:(.+?)\((\d+),(\d+)\): )?(error|warning|message) (TS\d+): (.*)$/;

function tsc(stdout: string): Diagnostic[] {
  return stdout.split('\n').flatMap(text => {
    const [, file = '', line, column, kind, rule = '', message = ''] = TSC.exec(bounded(text)) ?? [];
    if (kind === undefined) return [];
    const severity = kind === 'message' ? 'info' : kind === 'warning' ? 'warning' : 'error';
    return [diagnostic({ tool: 'tsc', file, line: optional(line), column: optional(column), severity, rule, message })];
  });
}

const bounded = (text: string): string => text.slice(0, MAX_TEXT + MAX_NAME).replace(/\r$/, '');
const optional = (digits: string | undefined): number | null => (digits === undefined ? null : Number(digits));

type Raw = Omit<Diagnostic, 'line' | 'column'> & { line?: number | null; column?: number | null };

function diagnostic({ file, line, column, rule, message, ...rest }: Raw): Diagnostic {
  const path = file.startsWith(ROOT) ? file.slice(ROOT.length) : file;
  return {
    ...rest,
    file: path.slice(0, MAX_NAME),
    line: line || null,
    column: column || null,
    rule: rule.slice(0, MAX_NAME),
    message: message.slice(0, MAX_TEXT),
  };
}
