import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { errorCodes } from '../../errors/codes.ts';
import { consent } from '../consent.ts';
import type { Terminal } from '../output.ts';
import type { Flags } from '../program.ts';
import { type Client, type Connection, type Machine, SERVER_NAME } from './client.ts';
import { clients } from './clients/all.ts';
import { connectionOf, isOpenlyRead, type Launcher } from './connection.ts';
import { clientsNamed, detectClients } from './detect.ts';
import { earlierPlaces } from './earlier.ts';
import { exists, replaceFile } from './files.ts';
import { jsonFormat } from './json-format.ts';
import { shown as readable } from './places.ts';
import { configPath, type Planned, planEarlier, planEntry, planRemoval } from './plan.ts';
import { changes, diffText, lineOf, notesOn, reportOf } from './report.ts';
import { tomlFormat } from './toml-format.ts';

export interface InitRun {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly machine: Machine;
  readonly launcher: Launcher;
  /** Names of toolsets. */
  readonly known: readonly string[];
  readonly flags: Flags;
}

const typedSchema = z.object({
  client: z.array(z.string()).default([]),
  url: z.string().optional(),
  tokenEnv: z.string().optional(),
  toolsets: z.string().optional(),
  migrate: z.boolean().default(false),
  remove: z.boolean().default(false),
  print: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  yes: z.boolean().default(false),
  json: z.boolean().default(false),
});
type Typed = z.output<typeof typedSchema>;

interface Failed {
  readonly client: Client;
  readonly error: AppError;
}
type Plan = { readonly planned: Planned[]; readonly failed: Failed[] };

/**
 * Plans all files first, shows that, and writes when somebody agrees. What goes wrong with one client is told at the end, and does
 * not keep the others from being set up. Throws AppError when nothing can be done at all.
 */
export async function runInit(given: Record<string, unknown>, run: InitRun): Promise<void> {
  const typed = typedSchema.parse(given);
  const { terminal, machine } = run;
  const connection = connectionFor(typed, run);
  const chosen = await chosenClients(typed, machine);
  if (typed.print) {
    terminal.out(
      typed.json
        ? `${JSON.stringify(await entriesOf(chosen, { machine, connection }))}\n`
        : await printed(chosen, { machine, connection }),
    );
    return;
  }
  const plan = await planFor(chosen, { typed, machine, connection });
  const changing = plan.planned.filter(changes);
  const isShown = !typed.json && changing.length > 0;
  const shown = isShown ? `${changing.map(one => diffText(one, machine)).join('\n\n')}\n\n` : '';
  if (typed.dryRun) terminal.out(shown);
  else terminal.err(shown);
  if (isOpenlyRead(connection))
    terminal.err('note: the address is http, so what is sent there can be read on the way\n');
  const isAgreed = changing.length === 0 || typed.dryRun || (await consent(typed, run));
  const done = isAgreed && !typed.dryRun ? await carryOut(plan) : plan;
  tell(done, { typed, run, isAgreed });
}

function connectionFor(typed: Typed, { launcher, known, flags }: InitRun): Connection {
  const { directory } = flags.settings;
  return connectionOf(
    {
      ...{ url: typed.url, tokenVariable: typed.tokenEnv, config: flags.config },
      toolsets: typed.toolsets === undefined ? [] : typed.toolsets.split(',').map(name => name.trim()),
      directory: typeof directory === 'string' ? directory : undefined,
    },
    { launcher, known },
  );
}

async function chosenClients({ client: names, migrate }: Typed, machine: Machine): Promise<Client[]> {
  if (names.length > 0) return clientsNamed(names.flatMap(name => name.split(',')));
  const found = await detectClients(machine);
  const before = migrate
    ? await Promise.all(earlierPlaces(machine).map(async place => ((await exists(place.path)) ? [place.client] : [])))
    : [];
  const wanted = new Set([...found.map(({ name }) => name), ...before.flat()]);
  if (wanted.size > 0) return clients.filter(({ name }) => wanted.has(name));
  throw new AppError('VALIDATION_ERROR', 'no MCP client was found in your home', {
    hint: `name one with --client: ${clients.map(({ name }) => name).join(', ')}`,
  });
}

async function planFor(
  chosen: readonly Client[],
  { typed, machine, connection }: { typed: Typed; machine: Machine; connection: Connection },
): Promise<Plan> {
  const planned: Planned[] = [];
  const failed: Failed[] = [];
  const moves = typed.migrate;
  for (const client of chosen) {
    try {
      planned.push(
        typed.remove ? await planRemoval(client, { machine }) : await planEntry(client, { machine, connection, moves }),
      );
      for (const place of earlierPlaces(machine).filter(one => one.client === client.name)) {
        const found = await planEarlier(client, { ...place, undoes: typed.remove });
        if (found !== undefined)
          planned.push(moves || typed.remove ? found : { ...found, after: found.before, outcome: 'found' });
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failed.push({ client, error });
    }
  }
  return { planned, failed };
}

async function carryOut({ planned, failed }: Plan): Promise<Plan> {
  const done: Planned[] = [];
  const errors = [...failed];
  for (const one of planned) {
    try {
      if (changes(one)) await replaceFile(one.path, one);
      done.push(one);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      errors.push({ client: one.client, error });
    }
  }
  return { planned: done, failed: errors };
}

function tell(
  { planned, failed }: Plan,
  { typed, run, isAgreed }: { typed: Typed; run: InitRun; isAgreed: boolean },
): void {
  const { terminal, machine } = run;
  const isDone = isAgreed && !typed.dryRun;
  if (typed.json) {
    const problems = failed.map(({ client, error }) => ({
      client: client.name,
      outcome: 'failed',
      ...error.toShape(),
    }));
    const files = planned.map(one => ({
      ...reportOf(one),
      ...(typed.dryRun && changes(one) && { diff: diffText(one, machine) }),
    }));
    terminal.out(`${JSON.stringify({ changed: isDone && planned.some(changes), files: [...files, ...problems] })}\n`);
  } else if (!isAgreed) terminal.out('Nothing was changed.\n');
  else {
    const told = planned.filter(({ outcome }) => outcome !== 'found');
    for (const one of isDone ? told : []) terminal.out(`${lineOf(one, machine)}\n`);
    if (typed.dryRun && !planned.some(changes)) terminal.out('There is nothing to change.\n');
    const notes = typed.remove ? [] : planned.flatMap(one => notesOn(one, { machine, moves: typed.migrate }));
    for (const note of new Set(notes)) terminal.out(`${note}\n`);
  }
  const [first] = failed;
  if (first === undefined) return;
  if (!typed.json)
    for (const { client, error } of failed)
      terminal.err(`error: ${client.title}: ${error.message} [${error.code}]\nhint: ${error.hint}\n`);
  terminal.exitWith(errorCodes[first.error.code].exit);
}

/** What would stand in each file, for whoever prefers to write it. */
async function printed(chosen: readonly Client[], to: { machine: Machine; connection: Connection }): Promise<string> {
  const entries = await entriesOf(chosen, to);
  return entries.map(({ title, file, text }) => `${title}: ${readable(file, to.machine)}\n${text}\n`).join('\n');
}

async function entriesOf(
  chosen: readonly Client[],
  { machine, connection }: { machine: Machine; connection: Connection },
) {
  return await Promise.all(
    chosen.map(async client => {
      const format = client.format === 'toml' ? tomlFormat : jsonFormat;
      const text = format.set('', [...client.place({}), SERVER_NAME], client.entry(connection));
      return { client: client.name, title: client.title, file: await configPath(client, machine), text };
    }),
  );
}
