/**
 * Asks the registry for known faults of what is installed with the product; further words go to npm (`--registry=URL`). Exits with 0 when there
 * are none, 1 when there are some, and 3 when nobody could be asked: a registry that keeps no advisories, or none that answers.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const FOUND = 1;
const NOT_ASKED = 3;
const root = fileURLToPath(new URL('..', import.meta.url));

const reportSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.looseObject({ severity: z.string(), range: z.string(), via: z.array(z.unknown()) }),
  ),
});
const adviceSchema = z.looseObject({ title: z.string(), url: z.string().default('') });
/** What npm says instead of a report; the address of the registry is left out. */
const failureSchema = z.looseObject({
  statusCode: z.int().optional(),
  error: z.looseObject({ code: z.string().optional() }).optional(),
});

const words = ['audit', '--omit=dev', '--package-lock-only', '--json', '--fetch-retries=0', ...process.argv.slice(2)];
const { stdout, error } = spawnSync('npm', words, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
if (error) throw error;
const answer = parsed(stdout);
const report = reportSchema.safeParse(answer);
if (!report.success) {
  const { statusCode, error: failure } = failureSchema.safeParse(answer).data ?? {};
  const why = statusCode === undefined ? (failure?.code ?? 'no answer') : `HTTP status ${statusCode}`;
  console.error(`advisories: NOT ASKED: the registry gave none (${why}), so nothing is known about what is installed.`);
  console.error('Ask one that keeps advisories: npm run advisories -- --registry=URL');
  process.exitCode = NOT_ASKED;
} else {
  const found = Object.entries(report.data.vulnerabilities);
  for (const [name, { severity, range, via }] of found) {
    const told = via.map(one => (typeof one === 'string' ? `by ${one}` : textOf(one)));
    console.error(`${severity}: ${name} ${range}: ${told.join('; ')}`);
  }
  if (found.length > 0) process.exitCode = FOUND;
  console.log(`advisories: ${found.length === 0 ? 'none' : `${found.length} packages are affected`}`);
}

function textOf(advice: unknown): string {
  const { title, url } = adviceSchema.safeParse(advice).data ?? { title: 'an advisory', url: '' };
  return `${title} ${url}`.trim();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
