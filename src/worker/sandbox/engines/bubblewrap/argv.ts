import type { ReadOnlyMount } from '../../engine.ts';
import type { Runtime } from './runtime.ts';

export interface BoxMounts {
  readonly runtime: Runtime;
  /** Becomes `/workspace` and `/env`. */
  readonly files: string;
  readonly packages: string;
  /** Unix socket of the egress proxy, bound as `/run/egress.sock`; absent in a box without a way out. */
  readonly egressSocket?: string;
  readonly mounts?: readonly ReadOnlyMount[];
  readonly tmpBytes: number;
  readonly shmBytes: number;
}

/** Descriptors of the launcher: bubblewrap's own, boxd's channel, and its lanes: few boxes have more stateful contexts than these. */
export const descriptors = { filter: 3, status: 4, block: 5, channel: 6, options: 7, lanes: [8, 9, 10, 11] } as const;

export const boxdCommand: readonly string[] = [
  ...['/usr/bin/python3', '-I', '-u', '/boxd'],
  ...[descriptors.channel, ...descriptors.lanes].map(String),
];

/**
 * The words after `bwrap`. Its first process stays in the box and shows them to all in it, so they hold no path of the host: those
 * come by a descriptor. `mark` tells the host whose launcher it is; to bubblewrap it is a variable that is not set.
 */
export function visibleArgv(mark: string, command: readonly string[]): string[] {
  return ['--unsetenv', mark, '--args', String(descriptors.options), '--', ...command];
}

/**
 * What bubblewrap is told beside its words. Nothing is mounted below `/workspace` or `/env`, which code in the box can write: a link there could
 * lead a mount point outside (CVE-2026-87766). No path here but the last component comes from a caller.
 */
export function boxArgv(box: BoxMounts): string[] {
  const { runtime, files, packages, egressSocket, mounts = [], tmpBytes, shmBytes } = box;
  return [
    ...['--unshare-all', '--unshare-user', '--disable-userns', '--cap-drop', 'ALL', '--uid', '1000', '--gid', '1000'],
    ...['--die-with-parent', '--new-session', '--hostname', 'box', '--clearenv'],
    ...['--setenv', 'PATH', '/usr/bin:/bin', '--setenv', 'HOME', '/workspace', '--setenv', 'LANG', 'C.UTF-8'],
    ...['--ro-bind', '/usr', '/usr'],
    ...['bin', 'sbin', 'lib', 'lib64'].flatMap(name => ['--symlink', `usr/${name}`, `/${name}`]),
    ...['--ro-bind', runtime.etc, '/etc'],
    ...runtime.hostEtc.flatMap(name => ['--ro-bind', `/etc/${name}`, `/etc/${name}`]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--size', String(shmBytes), '--tmpfs', '/dev/shm', '--size', String(tmpBytes), '--tmpfs', '/tmp'],
    ...['--bind', files, '/workspace', '--bind', packages, '/env'],
    ...['--symlink', '/env/node/node_modules', '/node_modules'],
    ...['--symlink', '/usr/bin/python3', '/opt/boxswain/bin/python'],
    ...['--ro-bind', runtime.boxd, '/boxd'],
    // One that has just gone, as when an agent updates itself, is no reason to have no box.
    ...mounts.flatMap(({ from, to }) => ['--ro-bind-try', from, to]),
    ...(egressSocket === undefined ? [] : ['--bind', egressSocket, '/run/egress.sock']),
    ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/workspace'],
    ...[
      '--seccomp',
      String(descriptors.filter),
      '--json-status-fd',
      String(descriptors.status),
      '--block-fd',
      String(descriptors.block),
    ],
  ];
}
