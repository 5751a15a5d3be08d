import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import type { Service } from './service.ts';
import { exists, makeEnvironmentFile, writeOurs } from './service-files.ts';
import { ACCOUNT, type Host, type Target } from './target.ts';

export interface Installed {
  readonly path: string;
  readonly text: string;
  readonly environmentFile: string;
  readonly commands: readonly string[];
  /** What is left to do for its user. */
  readonly next: readonly string[];
}

/**
 * Writes the file and has the service manager start what it says. Whatever is missing is found before anything is written, and the
 * AppError says how to get it.
 */
export async function installService(
  { host, target, run, signal }: Service,
  { words, starts, isDry }: { words: readonly string[]; starts: boolean; isDry: boolean },
): Promise<Installed> {
  const { path, environmentFile, readsEnvironment } = target;
  const text = target.text(readsEnvironment ? words : [...words, '--env-file', environmentFile]);
  const commands = target.start.map(command => command.join(' '));
  const installed = { path, text, environmentFile, commands, next: nextOf(target, { starts, commands }) };
  refuseUnsuitable(words, target);
  if (isDry) return installed;
  await refuseUnprepared(target, { host, run, signal });
  await makeEnvironmentFile(environmentFile);
  await writeOurs(path, text);
  if (starts)
    for (const command of target.start) {
      const { code, said } = await run(command, signal);
      if (code === 0) continue;
      throw new AppError('NOT_CONFIGURED', `the service is written, and ${command.join(' ')} failed: ${said}`, {
        hint: 'mend that, then run the command yourself; boxswain service uninstall takes the file away again',
      });
    }
  return installed;
}

function nextOf(
  { scope, start }: Target,
  { starts, commands }: { starts: boolean; commands: readonly string[] },
): string[] {
  if (scope === 'autostart') return ['log out and in again'];
  const lingering = scope === 'user' && start[0]?.[0] === 'systemctl' ? ['loginctl enable-linger'] : [];
  return [...(starts ? [] : commands), ...lingering];
}

/** A service runs what is still there tomorrow, and where it may look. */
function refuseUnsuitable(words: readonly string[], { scope }: Target): void {
  const places = words.slice(0, 2).map(word => resolve(word));
  if (places.some(place => /[/\\]_npx[/\\]/.test(place)))
    throw new AppError('VALIDATION_ERROR', 'npx takes the program away again, so no service can run it', {
      hint: 'install it first: npm install --global boxswain',
    });
  if (scope === 'system' && places.some(place => /^\/(home|root|Users)\//.test(place)))
    throw new AppError(
      'VALIDATION_ERROR',
      'the program lies in somebody’s home, which a service of the machine does not see',
      {
        hint: 'install Node and boxswain for all users, or use --user',
      },
    );
}

async function refuseUnprepared(
  target: Target,
  { host, run, signal }: Pick<Service, 'host' | 'run' | 'signal'>,
): Promise<void> {
  if (target.scope === 'system' && !host.isRoot)
    throw new AppError('POLICY_DENIED', 'a service of the whole machine needs the rights of root', {
      hint: 'run it with sudo, or use --user for a service of your own',
    });
  if (target.scope !== 'system' && !(await isFolder(host.env.HOME ?? '')))
    throw new AppError('VALIDATION_ERROR', 'there is no home: HOME names no folder', {
      hint: 'make it, or use --system as root',
    });
  if (target.start[0]?.[0] === 'systemctl') await refuseWithoutSystemd(target, host);
  if (target.account !== undefined && (await run(['getent', 'passwd', target.account], signal)).code !== 0)
    throw new AppError('NOT_CONFIGURED', `there is no user ${ACCOUNT} for the service to run as`, {
      hint: `run: useradd --system --home-dir /var/lib/${ACCOUNT} --shell /usr/sbin/nologin ${ACCOUNT}`,
    });
}

async function refuseWithoutSystemd({ scope }: Target, { root, env }: Host): Promise<void> {
  if (!(await exists(join(root, 'run/systemd/system'))))
    throw new AppError('CAPABILITY_UNSUPPORTED', 'systemd does not run on this machine', {
      hint: 'use --autostart on a desktop, let what starts programs here run boxswain serve, or see the unit with --dry-run',
    });
  if (scope === 'user' && !(await exists(join(env.XDG_RUNTIME_DIR || '/nowhere', 'systemd'))))
    throw new AppError('CAPABILITY_UNSUPPORTED', 'systemd runs no services for this user now', {
      hint: 'log in as this user instead of su or sudo; or as root run: loginctl enable-linger USER',
    });
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
