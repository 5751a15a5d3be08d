/** One thing that `boxswain doctor` looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** One command or sentence that mends it. */
  readonly fix?: string;
}

export interface Attempt {
  readonly name: string;
  readonly held: boolean;
  readonly detail: string;
}

/** What was attacked, and how it went. */
export interface AttackReport {
  readonly engine: {
    readonly name: string;
    /** Of the engine and of the kernel, which all boxes share. */
    readonly versions: Readonly<Record<string, string>>;
    /** What is old enough to worry about, in words. */
    readonly stale: readonly string[];
  };
  readonly attempts: readonly Attempt[];
}

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** The checks as an aligned table with what to do below each that is not well. */
export function checksAsText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(check => check.name.length));
  return checks
    .flatMap(check => [
      `${MARKS[check.state]}  ${check.name.padEnd(width)}  ${check.detail}`,
      ...(check.fix && check.state !== 'ok' ? [`      ${' '.repeat(width)}fix: ${check.fix}`] : []),
    ])
    .join('\n');
}

/** Versions and ages first: what held today says little of a kernel with known holes. Then every attack, the breaches first. */
export function attackAsText({ engine, attempts }: AttackReport): string {
  const width = Math.max(...attempts.map(attempt => attempt.name.length));
  const breaches = attempts.filter(attempt => !attempt.held);
  const sorted = [...breaches, ...attempts.filter(attempt => attempt.held)];
  const rows = sorted.map(
    attempt => `${attempt.held ? 'held  ' : 'BREACH'}  ${attempt.name.padEnd(width)}  ${attempt.detail}`,
  );
  const versions = Object.entries(engine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `engine ${engine.name}: ${versions.join(', ')}`,
    ...engine.stale.map(what => `warn: ${what}`),
    '',
    ...rows,
    '',
    `${attempts.length - breaches.length} of ${attempts.length} attacks held`,
  ].join('\n');
}
