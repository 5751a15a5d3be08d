import type { Command } from 'commander';
import type { ExportReport } from '../transfer/export.ts';
import type { ImportReport } from '../transfer/import.ts';
import type { Flags } from './program.ts';
import type { Terminal } from './output.ts';

/** What the composition root does for `export` and `import`, on the installation that the configuration names. */
export interface TransferRoles {
  exportTo(flags: Flags, options: { file: string; signal: AbortSignal }): Promise<ExportReport>;
  importFrom(flags: Flags, options: { file: string; replaces: boolean; signal: AbortSignal }): Promise<ImportReport>;
}

export interface TransferOptions {
  readonly terminal: Terminal;
  readonly roles: TransferRoles;
  readonly signal: AbortSignal;
  flagsOf(command: Command): Flags;
}

/** `boxswain export FILE` and `boxswain import FILE`: move an installation, from solo to a cluster or back. */
export function addTransfer(program: Command, { terminal, roles, signal, flagsOf }: TransferOptions): void {
  const print = (typed: Record<string, unknown>, report: object, text: string) =>
    terminal.out(`${typed.json === true ? JSON.stringify(report) : text}\n`);
  program
    .command('export')
    .argument('<file>', 'file to write; must not be there yet')
    .description('write all records and the contents they name into one file, to be imported elsewhere')
    .option('--json', 'print what was exported as JSON')
    .addHelpText(
      'after',
      [
        '\nFiles of workspaces travel as their newest checkpoint: take one of each workspace first.',
        '\nExamples:',
        '  boxswain sandbox checkpoint WORKSPACE_ID && boxswain export boxswain.tar',
        '  BOXSWAIN_STORE_URL=postgres://… boxswain export cluster.tar --json',
      ].join('\n'),
    )
    .action(async (file: string, typed: Record<string, unknown>, command: Command) => {
      const report = await roles.exportTo(flagsOf(command), { file, signal });
      print(typed, report, exportAsText(report));
    });
  program
    .command('import')
    .argument('<file>', 'file that boxswain export wrote')
    .description('read an export into this installation: all of it, or nothing')
    .option('--replace', 'delete all records that are here first')
    .option('--json', 'print what was imported as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  BOXSWAIN_STORE_URL=postgres://… boxswain import boxswain.tar\n  boxswain import cluster.tar --replace --json',
    )
    .action(async (file: string, typed: Record<string, unknown>, command: Command) => {
      const report = await roles.importFrom(flagsOf(command), { file, replaces: typed.replace === true, signal });
      print(typed, report, importAsText(report));
    });
}

/** What travels, and below it what does not and how to mend that. */
export function exportAsText({ tables, blobs, blob_bytes, missing_blobs, workspaces }: ExportReport): string {
  const unsaved = workspaces.filter(({ checkpoint_id }) => checkpoint_id === null);
  const saved = workspaces.length - unsaved.length;
  return [
    `exported ${rowsAsText(tables)} and ${blobs} blobs (${blob_bytes} bytes)`,
    `workspaces: ${saved} with the files of their newest checkpoint, ${unsaved.length} as records only`,
    ...unsaved.map(({ workspace_id, name }) => `  without files: ${workspace_id} ${name}`),
    ...(unsaved.length > 0
      ? ['  to take them along: boxswain sandbox checkpoint WORKSPACE_ID, then export again']
      : []),
    ...missing_blobs.map(hash => `warning: blob ${hash} was lost before and is not in the export`),
  ].join('\n');
}

export const importAsText = ({ exported_at, tables, blobs }: ImportReport): string =>
  `imported ${rowsAsText(tables)} and ${blobs} blobs, exported at ${exported_at}`;

function rowsAsText(tables: Readonly<Record<string, number>>): string {
  const parts = Object.entries(tables).map(([table, count]) => `${table} ${count}`);
  const total = Object.values(tables).reduce((sum, count) => sum + count, 0);
  return parts.length === 0 ? 'no records' : `${total} records (${parts.join(', ')})`;
}
