import { join } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import { desktopEntry, LABEL, launchdPlist } from './other-files.ts';
import { MARK, systemdUnit, unitWord } from './systemd-unit.ts';

/** Where the service is to run: what the commands know of machine and user. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folders of the machine lie below it; '/' but for tests. */
  readonly root: string;
}

export type Scope = 'user' | 'system' | 'autostart';

/** One way to be started by the machine: a file, and the commands that make it count. */
export interface Target {
  readonly scope: Scope;
  readonly path: string;
  text(words: readonly string[]): string;
  /** Settings and secrets of the service, mode 0600. */
  readonly environmentFile: string;
  /** The service manager reads it by itself; else the command line names it. */
  readonly readsEnvironment: boolean;
  readonly start: readonly (readonly string[])[];
  readonly stop: readonly (readonly string[])[];
  /** After the file is gone. */
  readonly forget: readonly (readonly string[])[];
  /** Succeeds while it runs. Undefined: nobody can say. */
  readonly status: readonly string[] | undefined;
  /** A user that must be there. */
  readonly account?: string;
}

export const ACCOUNT = 'boxswain';
const UNIT = 'boxswain.service';

/** Throws AppError where this machine or this user has no such thing. */
export function targetOf(scope: Scope, host: Host): Target {
  if (host.platform === 'win32')
    throw new AppError('CAPABILITY_UNSUPPORTED', 'Windows services are not supported', {
      hint: 'let Task Scheduler run boxswain serve when you log on',
    });
  if (scope === 'autostart') return autostart(host);
  if (host.platform === 'darwin') return launchd(scope, host);
  return scope === 'system' ? systemUnit(host) : userUnit(host);
}

function systemUnit({ root }: Host): Target {
  const environmentFile = join(root, 'etc/boxswain/serve.env');
  const identity = [
    ...[`User=${ACCOUNT}`, `Group=${ACCOUNT}`, 'Environment=BOXSWAIN_DIRECTORY=%S/boxswain'],
    ...[`EnvironmentFile=-${environmentFile}`, 'StateDirectory=boxswain', 'StateDirectoryMode=0711'],
  ];
  return {
    ...{ scope: 'system', environmentFile, readsEnvironment: true, account: ACCOUNT },
    path: join(root, 'etc/systemd/system', UNIT),
    text: words => unitOf(words, { identity, scope: 'system' }),
    ...systemctl([]),
  };
}

function userUnit(host: Host): Target {
  const config = configFolder(host);
  const environmentFile = join(config, 'boxswain', 'service.env');
  const identity = [`EnvironmentFile=-${environmentFile.replaceAll('%', '%%')}`];
  return {
    ...{ scope: 'user', environmentFile, readsEnvironment: true },
    path: join(config, 'systemd', 'user', UNIT),
    text: words => unitOf(words, { identity, scope: 'user' }),
    ...systemctl(['--user']),
  };
}

function unitOf(
  words: readonly string[],
  { identity, scope }: { identity: readonly string[]; scope: 'system' | 'user' },
): string {
  const unit = systemdUnit({
    ...{ description: 'Boxswain, hub and worker in one', identity, scope, makesBoxes: true },
    ...{ exec: words.map(unitWord).join(' '), restart: 'on-failure' },
    stop: { seconds: 60, reason: 'Running calls get 5 s, runs end, records are written.' },
  });
  return `${MARK}\n${unit}`;
}

const systemctl = (flags: readonly string[]) => ({
  start: [
    ['systemctl', ...flags, 'daemon-reload'],
    ['systemctl', ...flags, 'enable', '--now', UNIT],
  ],
  stop: [['systemctl', ...flags, 'disable', '--now', UNIT]],
  forget: [['systemctl', ...flags, 'daemon-reload']],
  status: ['systemctl', ...flags, 'is-active', '--quiet', UNIT],
});

function launchd(scope: 'user' | 'system', host: Host): Target {
  const isSystem = scope === 'system';
  const home = isSystem ? host.root : homeOf(host);
  const path = join(home, 'Library', isSystem ? 'LaunchDaemons' : 'LaunchAgents', `${LABEL}.plist`);
  const domain = isSystem ? 'system' : `gui/${host.uid}`;
  const log = isSystem ? '/var/log/boxswain.log' : join(home, 'Library', 'Logs', 'boxswain.log');
  return {
    ...{ scope, path, readsEnvironment: false },
    environmentFile: isSystem
      ? join(host.root, 'etc/boxswain/serve.env')
      : join(configFolder(host), 'boxswain', 'service.env'),
    text: words => launchdPlist(words, { log }),
    start: [['launchctl', 'bootstrap', domain, path]],
    stop: [['launchctl', 'bootout', `${domain}/${LABEL}`]],
    forget: [],
    status: ['launchctl', 'print', `${domain}/${LABEL}`],
  };
}

function autostart(host: Host): Target {
  if (host.platform !== 'linux')
    throw new AppError('CAPABILITY_UNSUPPORTED', 'only desktops of Linux have such entries', {
      hint: 'use boxswain service install --user',
    });
  const config = configFolder(host);
  return {
    ...{ scope: 'autostart', path: join(config, 'autostart', 'boxswain.desktop'), readsEnvironment: false },
    environmentFile: join(config, 'boxswain', 'service.env'),
    text: desktopEntry,
    ...{ start: [], stop: [], forget: [], status: undefined },
  };
}

const configFolder = (host: Host): string => host.env.XDG_CONFIG_HOME || join(homeOf(host), '.config');

function homeOf({ env }: Host): string {
  if (env.HOME) return env.HOME;
  throw new AppError('VALIDATION_ERROR', 'there is no home: HOME is not set', {
    hint: 'set HOME, or use --system as root',
  });
}
