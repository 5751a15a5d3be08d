import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../errors/app-error.ts';
import { errorCodes } from '../../errors/codes.ts';
import type { Terminal } from '../output.ts';
import { installService } from './install.ts';
import { type Run, runCommand, type Service, stateOf, uninstallService } from './service.ts';
import { type Host, type Scope, targetOf } from './target.ts';

export interface ServiceCommandOptions {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Program and script that this process was started with. */
  readonly program?: readonly string[];
  /** Left out: this machine and its user. */
  readonly host?: Host;
  readonly run?: Run;
}

type Typed = Record<string, unknown>;

const ADVICE = 'It gets no variables of this shell: put settings and secrets into';

/** `boxswain service install|uninstall|status`: lets systemd, launchd or the desktop start the server. */
export function addServiceCommand(service: Command, options: ServiceCommandOptions): void {
  const { terminal } = options;
  const print = (typed: Typed, report: object, lines: readonly string[]) =>
    terminal.out(`${typed.json === true ? JSON.stringify(report) : lines.join('\n')}\n`);
  scoped(service.command('install'))
    .description('let the machine start the server: writes a hardened unit, which holds no secret, and starts it')
    .option('--host <address>', 'address to listen on')
    .option('--port <n>', 'port to listen on', Number)
    .option('--no-start', 'write the files only')
    .option('--dry-run', 'print the file and the commands, and do nothing')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain service install\n  boxswain service install --autostart --dry-run')
    .action(async (_typed: unknown, command: Command) => {
      const typed = command.optsWithGlobals<Typed>();
      const one = serviceOf(typed, options);
      const how = { words: wordsOf(typed, options), starts: typed.start !== false, isDry: typed.dryRun === true };
      const { path, text, environmentFile, commands, next } = await installService(one, how);
      const report = { scope: one.target.scope, path, environment_file: environmentFile, next };
      if (how.isDry)
        print(typed, { ...report, text, commands }, [`# ${path}`, text, ...commands.map(line => `# then: ${line}`)]);
      else {
        const lines = next.length > 0 ? ['Now run:', ...next.map(line => `  ${line}`)] : [];
        print(typed, report, [`Written: ${path}`, ...lines, `${ADVICE} ${environmentFile} (mode 0600).`]);
      }
    });
  scoped(service.command('uninstall'))
    .description('stop the service and take its file away; settings and data stay')
    .option('--dry-run', 'print what would be done, and do nothing')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain service uninstall\n  boxswain service uninstall --system --json')
    .action(async (_typed: unknown, command: Command) => {
      const typed = command.optsWithGlobals<Typed>();
      const one = serviceOf(typed, options);
      const { scope, path, stop, forget, environmentFile } = one.target;
      const commands = [...stop, ...forget].map(words => words.join(' '));
      if (typed.dryRun === true) {
        print(typed, { scope, path, commands }, [`# remove ${path}`, ...commands.map(line => `# run: ${line}`)]);
        return;
      }
      const removed = await uninstallService(one);
      const said = removed ? [`Removed: ${path}`, `Settings stay in ${environmentFile}.`] : [`There is no ${path}.`];
      print(typed, { scope, path, removed }, said);
    });
  scoped(service.command('status'))
    .description('whether the service is installed and runs; exit 3 when it does not')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain service status\n  boxswain service status --system --json')
    .action(async (_typed: unknown, command: Command) => {
      const typed = command.optsWithGlobals<Typed>();
      const one = serviceOf(typed, options);
      const { scope, path } = one.target;
      const { isInstalled, isActive } = await stateOf(one);
      const running = isActive === undefined ? 'unknown' : isActive ? 'yes' : 'no';
      const report = { scope, path, installed: isInstalled, active: isActive ?? null };
      print(typed, report, [`installed: ${isInstalled ? path : 'no'}`, `running:   ${running}`]);
      if (!isInstalled || isActive === false) terminal.exitWith(errorCodes.NOT_FOUND.exit);
    });
}

const scoped = (command: Command): Command =>
  command
    .option('--user', 'a service of your own; the default unless you are root')
    .option('--system', 'a service of the machine; the default as root')
    .option('--autostart', 'an entry of your desktop instead, which starts the server when you log in');

function serviceOf(
  typed: Typed,
  { env, signal, host = thisHost(env), run = runCommand }: ServiceCommandOptions,
): Service {
  const scopes: readonly Scope[] = ['user', 'system', 'autostart'];
  const chosen = scopes.filter(name => typed[name] === true);
  if (chosen.length > 1)
    throw new AppError('VALIDATION_ERROR', `--${chosen.join(' and --')} exclude each other`, { hint: 'give one' });
  const [scope = host.isRoot ? 'system' : 'user'] = chosen;
  return { host, target: targetOf(scope, host), run, signal };
}

const thisHost = (env: ServiceCommandOptions['env']): Host => ({
  ...{ platform: process.platform, env, root: '/' },
  ...{ isRoot: process.getuid?.() === 0, uid: process.getuid?.() ?? 0 },
});

/** The command line of the server, with what was typed here. Paths are absolute: a service starts elsewhere. */
function wordsOf(
  typed: Typed,
  { program = [process.execPath, process.argv[1] ?? ''] }: ServiceCommandOptions,
): string[] {
  const flag = (name: string, value: unknown) => (value === undefined ? [] : [name, String(value)]);
  const path = (name: string, value: unknown) => (typeof value === 'string' ? [name, resolve(value)] : []);
  return [
    ...program.map(word => resolve(word)),
    'serve',
    ...flag('--host', typed.host),
    ...flag('--port', typed.port),
    ...path('--config', typed.config),
    ...path('--directory', typed.directory),
  ];
}
