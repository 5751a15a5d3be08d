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

/** What most runs have nothing of is looked at only where it is there: each of them is rendered while somebody waits. */
const deniedSchema = z.array(z.looseObject({ host: z.string(), port: z.number() })).catch([]);
const keptSchema = z.record(z.string(), z.string()).catch({});

/** Read leniently: a renderer must not throw, and an output that lacks a field is still worth showing. */
function runText(output: JsonObject): string[] {
  const exitCode = typeof output.exit_code === 'number' ? output.exit_code : null;
  const stdout = stringIn(output.stdout) ?? '';
  const stderr = stringIn(output.stderr) ?? '';
  const result = stringIn(output.result);
  const notes: string[] = [];
  if (result !== undefined) notes.push(`Result: ${result}`);
  if (output.timed_out === true) notes.push('Timed out: the program was stopped');
  if (stringIn(output.signal)) notes.push(`Ended by signal: ${output.signal}`);
  if (stringIn(output.limit_hit) !== undefined) notes.push(`Limit hit: ${output.limit_hit}`);
  const denied = output.network_denied === undefined ? [] : deniedSchema.parse(output.network_denied);
  for (const { host, port } of denied) notes.push(`Network denied: ${host}:${port}`);
  if (output.truncated === true)
    notes.push(`Output truncated${wholeOutput(keptSchema.parse(output.output_artifacts))}`);
  return [[`Exit Code: ${exitCode}\nStdout:\n${stdout}\nStderr:\n${stderr}`, ...notes].join('\n')];
}

const stringIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

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
