import { z } from 'zod';
import type { Hub, Renderer } from '../../hub/hub.ts';
import type { ArtifactRecord, JsonObject } from '../../store/rows.ts';

/**
 * How the outcome of each kind of job becomes an operation's output and text. They are found by name, so that the end of a task
 * is rendered alike whether its caller still waits or the hub has been restarted meanwhile. An empty text stands for compact
 * JSON of the whole output, which is known only where the handles are added; see `textOf`.
 */
const renderers: Readonly<Record<string, Renderer>> = {
  run: completed(withStatus, runText),
  packages: completed(withStatus, packagesText),
  tests: completed(withStatus),
  lint: completed(withStatus),
  clone: completed(withStatus),
  commit: completed(output => output),
};

/** Makes the renderers known to the hub; done once, before the hub takes calls or hears of tasks that ended. */
export function registerRenderers(hub: Pick<Hub, 'runs'>): void {
  for (const [name, renderer] of Object.entries(renderers)) hub.runs.registerRenderer(name, renderer);
}

/** The text of an output as it is shown: what its renderer gave, else compact JSON. */
export const textOf = (text: string[], output: object): string[] => (text.length > 0 ? text : [JSON.stringify(output)]);

type OutputArtifacts = Readonly<Record<string, ArtifactRecord>>;

/** Errors and cancellations have no output: their task keeps the error itself. */
function completed(
  shape: (output: JsonObject, artifacts: OutputArtifacts) => JsonObject,
  text: (output: JsonObject) => string[] = () => [],
): Renderer {
  return ({ end }, { outputArtifacts }) => {
    if (end.kind !== 'completed') return { output: {}, text: [] };
    const output = shape(end.output, outputArtifacts);
    return { output, text: text(output) };
  };
}

function withStatus(output: JsonObject, artifacts: OutputArtifacts): JsonObject {
  const kept = Object.entries(artifacts).map(([stream, artifact]): [string, string] => [stream, artifact.id]);
  const ended: JsonObject = { ...output, status: 'completed' };
  if (kept.length > 0) ended.output_artifacts = Object.fromEntries(kept);
  return ended;
}

/** Read leniently: a renderer must not throw, and an output that lacks a field is still worth showing. */
const runSchema = z.looseObject({
  exit_code: z.number().nullable().catch(null),
  stdout: z.string().catch(''),
  stderr: z.string().catch(''),
  signal: z.string().nullish().catch(null),
  result: z.string().optional().catch(undefined),
  timed_out: z.boolean().catch(false),
  truncated: z.boolean().catch(false),
  limit_hit: z.string().optional().catch(undefined),
  // By default, not by failure, which costs much more: most runs have neither of these.
  network_denied: z
    .array(z.looseObject({ host: z.string(), port: z.number() }))
    .default([])
    .catch([]),
  output_artifacts: z.record(z.string(), z.string()).default({}).catch({}),
});

function runText(output: JsonObject): string[] {
  const run = runSchema.parse(output);
  const notes: string[] = [];
  if (run.result !== undefined) notes.push(`Result: ${run.result}`);
  if (run.timed_out) notes.push('Timed out: the program was stopped');
  if (run.signal) notes.push(`Ended by signal: ${run.signal}`);
  if (run.limit_hit !== undefined) notes.push(`Limit hit: ${run.limit_hit}`);
  for (const { host, port } of run.network_denied) notes.push(`Network denied: ${host}:${port}`);
  if (run.truncated) notes.push(`Output truncated${wholeOutput(run.output_artifacts)}`);
  return [[`Exit Code: ${run.exit_code}\nStdout:\n${run.stdout}\nStderr:\n${run.stderr}`, ...notes].join('\n')];
}

function wholeOutput(artifacts: Record<string, string>): string {
  const named = Object.entries(artifacts).map(([stream, id]) => `${stream} is artifact ${id}`);
  return named.length === 0 ? '' : `; whole ${named.join(', ')}`;
}

const TAIL_LINES = 10;
const packagesSchema = z.looseObject({
  installed: z.array(z.looseObject({ name: z.string(), version: z.string() })).catch([]),
  output: z.string().catch(''),
});

function packagesText(output: JsonObject): string[] {
  const { installed, output: log } = packagesSchema.parse(output);
  const lines = installed.map(({ name, version }) => `Installed: ${name} (version: ${version})`);
  const tail = log.trimEnd().split('\n').slice(-TAIL_LINES);
  return [[...lines, ...tail].join('\n').trimEnd()];
}
