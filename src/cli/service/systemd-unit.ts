/** By this line a file of ours is known again. */
export const MARK = '# Written by: boxswain service install';

export interface UnitSpec {
  readonly description: string;
  /** Lines before what every unit has, such as the user it runs as. */
  readonly identity: readonly string[];
  /** The command line, quoted. */
  readonly exec: string;
  readonly stop: { readonly seconds: number; readonly reason: string };
  /** Hosts sandboxes; else it needs nothing of the kernel but files and the network. */
  readonly makesBoxes: boolean;
  /** The machine's manager starts it, or that of one user, who works in their home with it. */
  readonly scope: 'system' | 'user';
  readonly restart: 'always' | 'on-failure';
}

/** A unit of systemd, shut in as far as its work allows. It holds no secret: those are in files of mode 0600 that it names. */
export function systemdUnit(spec: UnitSpec): string {
  const { description, identity, exec, stop, makesBoxes, scope, restart } = spec;
  const isSystem = scope === 'system';
  return `${[
    '[Unit]',
    `Description=${description}`,
    ...(isSystem ? ['After=network-online.target', 'Wants=network-online.target'] : []),
    '',
    '[Service]',
    'Type=exec',
    ...identity,
    `ExecStart=${exec}`,
    `Restart=${restart}`,
    'RestartSec=1',
    `# ${stop.reason}`,
    `TimeoutStopSec=${stop.seconds}`,
    'KillMode=mixed',
    'LimitNOFILE=65536',
    ...(makesBoxes ? ['TasksMax=infinity', '', ...GROUPS] : []),
    '',
    ...(makesBoxes ? BOXES_NEED : ALONE_NEEDS),
    ...EVERYWHERE,
    ...(makesBoxes ? WITH_BOXES : WITHOUT_BOXES),
    ...(isSystem ? OF_THE_MACHINE : OF_A_USER),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
  ].join('\n')}\n`;
}

const GROUPS = [
  "# The groups of boxes lie below the service's own: that makes limits of memory, processes and processors hard.",
  'Delegate=cpu memory pids',
];

const BOXES_NEED = [
  '# A box is made of user, mount, process and network namespaces with a /proc of its own, by a process without privileges. Whatever',
  '# covers parts of /proc keeps it from that: so there is no ProtectKernelTunables, ProtectKernelLogs or ProcSubset here. It names',
  '# its host, makes every kind of namespace, and limits its processes: so there is no ProtectHostname and no RestrictNamespaces,',
  '# and system calls of @mount and @resources are allowed.',
];

const ALONE_NEEDS = ['# It needs its directory and the network, and nothing else of the machine.'];

const EVERYWHERE = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'PrivateUsers=yes',
  'PrivateDevices=yes',
  'PrivateMounts=yes',
  'ProtectClock=yes',
  'ProtectKernelModules=yes',
  'ProtectProc=invisible',
  'PrivateTmp=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'KeyringMode=private',
  'SystemCallArchitectures=native',
  'SystemCallErrorNumber=EPERM',
  'UMask=0077',
  '# It speaks to single addresses: neither multicast nor broadcast. A manager that may load no filter leaves this out.',
  'IPAddressDeny=any',
  'IPAddressAllow=0.0.0.0/1 128.0.0.0/2 192.0.0.0/3',
  'IPAddressAllow=::/1 8000::/2 c000::/3 e000::/4 f000::/5 f800::/6 fc00::/7 fe00::/8',
];

const WITH_BOXES = [
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'SystemCallFilter=@system-service @mount sethostname seccomp',
];

const WITHOUT_BOXES = [
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelTunables=yes',
  'ProcSubset=pid',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
  'RestrictNamespaces=yes',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
];

const OF_THE_MACHINE = ['ProtectSystem=strict', 'ProtectHome=yes', 'RemoveIPC=yes'];

const OF_A_USER = [
  '# Agents work in this home, and others are not there. Projects elsewhere need a ReadWritePaths or BindPaths of their own, in a drop-in.',
  'ProtectSystem=strict',
  'ProtectHome=tmpfs',
  'BindPaths=%h %t',
  "# Of the control groups, those of the user's own services stay writable: the groups of boxes are made there.",
  'ProtectControlGroups=yes',
  'ReadWritePaths=-/sys/fs/cgroup/user.slice/user-%U.slice/user@%U.service',
];

/** Quoted as systemd reads it: `%` begins a specifier and `$` a variable. */
export const unitWord = (word: string): string =>
  `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
