import { spawnSync } from 'node:child_process';

// What systemd makes of a unit, without systemd: the mounts and namespaces that its lines ask for, for a user without privileges. Its
// filter of system calls is not made.

const PEOPLE = '12345';

const MOUNTS: Readonly<Record<string, string>> = {
  'ProtectProc=invisible': 'umount -R -l /proc; mount -t proc -o nosuid,nodev,noexec,hidepid=invisible proc /proc',
  'ProcSubset=pid': 'umount -R -l /proc; mount -t proc -o nosuid,nodev,noexec,subset=pid proc /proc',
  'ProtectKernelTunables=yes': 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys',
  'ProtectKernelLogs=yes': 'mount --bind /dev/null /proc/kmsg',
  'PrivateDevices=yes': [
    'mount -t tmpfs -o mode=755,nosuid private /mnt',
    'for name in null zero full random urandom tty; do cp -a /dev/$name /mnt/; done',
    'mkdir /mnt/pts /mnt/shm; mount --bind /dev/pts /mnt/pts; mount --bind /dev/shm /mnt/shm',
    'ln -s pts/ptmx /mnt/ptmx; ln -s /proc/self/fd /mnt/fd; mount --move /mnt /dev; mount -o remount,bind,ro,noexec,nosuid /dev',
  ].join('; '),
  'PrivateTmp=yes': 'mount -t tmpfs -o mode=1777 private /tmp',
  'ProtectControlGroups=yes': 'mount --bind /sys/fs/cgroup /sys/fs/cgroup; mount -o remount,bind,ro /sys/fs/cgroup',
  'ProtectHome=tmpfs':
    'for home in /home /root /run/user; do [ ! -d $home ] || mount -t tmpfs -o ro private $home; done',
};

const BOX = [
  ...[
    'bwrap',
    '--unshare-all',
    '--unshare-user',
    '--disable-userns',
    '--cap-drop',
    'ALL',
    '--uid',
    '1000',
    '--gid',
    '1000',
  ],
  ...['--die-with-parent', '--new-session', '--hostname', 'box', '--ro-bind', '/usr', '/usr'],
  ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64', '--symlink', 'usr/bin', '/bin'],
  ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--'],
];

/** Runs a command in a box as a service of that unit would make it. Needs root. */
export function inUnit(text: string, command: readonly string[]) {
  const lines = text.split('\n');
  const mounts = lines.flatMap(line => MOUNTS[line] ?? []);
  const umask = /^UMask=(\d+)$/m.exec(text)?.[1] ?? '0022';
  const identity = ['setpriv', '--reuid', PEOPLE, '--regid', PEOPLE, '--clear-groups', '--no-new-privs'];
  const users = lines.includes('PrivateUsers=yes') ? ['unshare', '--user', '--map-current-user', '--'] : [];
  const without = ['--bounding-set=-all', '--inh-caps=-all'];
  const script = `set -e; ${['mount --make-rslave /', ...mounts, `umask ${umask}`, 'cd /', 'exec "$@"'].join('; ')}`;
  const words = ['--mount', '--', 'sh', '-c', script, 'sh', ...identity, ...without, ...users, ...BOX, ...command];
  return spawnSync('unshare', words, { encoding: 'utf8', timeout: 60_000 });
}
