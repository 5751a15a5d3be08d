import { type Machine, SERVER_NAME } from './client.ts';
import { diffOf } from './diff.ts';
import type { EarlierEntry } from './earlier.ts';
import { backupPath } from './files.ts';
import { shown } from './places.ts';
import type { Planned } from './plan.ts';

const MEANING: Readonly<Record<Planned['outcome'], string>> = {
  added: 'added to',
  updated: 'brought up to date in',
  unchanged: 'is already in',
  found: 'entries of earlier systems are in',
  moved: 'entries of earlier systems taken out of',
  restored: 'as it was before, byte for byte:',
  'cut out': 'not as it was left, so only the entry was taken out of',
  'not there': 'is not in',
};

export const changes = (planned: Planned): boolean => planned.before !== planned.after;

/** The change as it is shown before it is made. */
export const diffText = ({ path, before, after }: Planned, machine: Machine): string =>
  diffOf(before, after, { name: shown(path, machine) });

/** What became of one file, as a line for people. */
export function lineOf(planned: Planned, machine: Machine): string {
  const { client, path, outcome, backup, before } = planned;
  const parts = [`${client.title}: ${MEANING[outcome]} ${shown(path, machine)}`];
  if (backup === 'write' && before !== undefined) parts.push(`(before: ${shown(backupPath(path), machine)})`);
  if (outcome === 'added' || outcome === 'updated') parts.push(`- ${client.next}`);
  return parts.join(' ');
}

/** The same for programs. */
export function reportOf(planned: Planned): Record<string, unknown> {
  const { client, path, outcome, backup, before, earlier } = planned;
  return {
    client: client.name,
    file: path,
    outcome,
    changed: changes(planned),
    ...(backup === 'write' && before !== undefined && { backup: backupPath(path) }),
    ...(earlier.length > 0 && { earlier: earlier.map(({ name, variables }) => ({ name, variables })) }),
  };
}

/** What is to be said of entries of earlier systems: what they were for, and what they gave that is not moved by itself. */
export function notesOn(
  { path, earlier }: Planned,
  { machine, moves }: { machine: Machine; moves: boolean },
): string[] {
  if (earlier.length === 0) return [];
  const names = earlier.map(({ name }) => name).join(', ');
  if (!moves)
    return [`${shown(path, machine)} names ${names} of an earlier system; --migrate puts ${SERVER_NAME} in its place`];
  const secrets = [...new Set(earlier.flatMap(({ variables }) => variables))];
  const commands = secrets.flatMap(variable => COMMANDS[variable] ?? []);
  const given =
    commands.length > 0
      ? [`${names} had settings that Boxswain takes from its own configuration: ${commands.join('; ')}`]
      : [];
  return [...given, ...earlier.flatMap(farAway)];
}

const COMMANDS: Readonly<Record<string, string>> = {
  CODEGEN_API_TOKEN: 'boxswain config set api_token - < FILE',
  CODEGEN_ORG_ID: 'boxswain config set org_id NUMBER',
};

function farAway({ name, url }: EarlierEntry): string[] {
  const host = url === undefined ? undefined : URL.parse(url)?.hostname;
  const isNear = host === undefined || ['127.0.0.1', 'localhost', '[::1]'].includes(host);
  return isNear
    ? []
    : [`${name} led to ${host}: add --url with the address of your Boxswain where it is not this machine`];
}
