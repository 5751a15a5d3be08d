/**
 * Installs what Boxswain needs from the operating system and is missing: with apt-get on Debian and Ubuntu, as root or with
 * passwordless sudo, saying so. Elsewhere it prints the one command. Never fails a start: everything but the sandbox works without.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findChromium, isExecutable } from './chromium.ts';

interface Need {
  readonly what: string;
  readonly debian: string;
  isThere(): boolean;
  /** What the package starts by itself and nobody asked for: the tests start their own. */
  readonly unwantedService?: string;
}

const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
const onPath = (program: string): boolean => searchPath.some(folder => isExecutable(join(folder, program)));

const needs: Need[] = [
  { what: 'bubblewrap', debian: 'bubblewrap', isThere: () => onPath('bwrap') },
  { what: 'Python 3', debian: 'python3', isThere: () => existsSync('/usr/bin/python3') },
  { what: 'pip', debian: 'python3-pip', isThere: () => pythonHas('pip') },
  { what: 'venv', debian: 'python3-venv', isThere: () => pythonHas('venv', 'ensurepip') },
  { what: 'git', debian: 'git', isThere: () => onPath('git') },
  { what: 'mkfs.ext4', debian: 'e2fsprogs', isThere: () => onPath('mkfs.ext4') },
];
const testNeeds: Need[] = [
  {
    what: 'PostgreSQL',
    debian: 'postgresql',
    isThere: () => onPath('initdb') || existsSync('/usr/lib/postgresql'),
  },
  {
    what: 'nats-server',
    debian: 'nats-server',
    isThere: () => onPath('nats-server'),
    unwantedService: 'nats-server.service',
  },
  { what: 'ip', debian: 'iproute2', isThere: () => onPath('ip') },
  {
    what: 'faketime',
    debian: 'faketime',
    isThere: () => globSync('/usr/lib/*/faketime/libfaketimeMT.so.1').length > 0,
  },
  { what: 'ps, pgrep and kill', debian: 'procps', isThere: () => onPath('ps') && onPath('pgrep') && onPath('kill') },
  { what: 'patch', debian: 'patch', isThere: () => onPath('patch') },
  { what: 'curl', debian: 'curl', isThere: () => onPath('curl') },
  { what: 'Chromium', debian: 'chromium', isThere: () => findChromium() !== undefined },
];

const missing = [...needs, ...(process.argv.includes('--for-tests') ? testNeeds : [])].filter(need => !need.isThere());
if (missing.length > 0 && process.platform === 'linux') install(missing);
else if (missing.length > 0)
  say(`sandboxes need Linux; here everything but the sandbox toolset works (missing: ${names(missing)})`);

if (process.argv.includes('--for-tests') && process.platform === 'linux' && process.arch === 'x64') {
  try {
    const { fetchHelm } = await import('./helm.ts');
    fetchHelm();
  } catch (error) {
    say(`Helm could not be fetched, so the tests of the chart will fail: ${String(error)}`);
  }
}

function install(wanted: Need[]): void {
  const packages = wanted.map(need => need.debian);
  const command = ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages];
  const prefix = privilege();
  if (!onPath('apt-get') || !prefix) {
    say(`missing: ${names(wanted)}. To install: ${onPath('apt-get') ? 'sudo ' : ''}${command.join(' ')}`);
    say('everything but the sandbox toolset works without');
    return;
  }
  say(`missing: ${names(wanted)}. Installing with: ${[...prefix, ...command].join(' ')}`);
  const options = {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  } as const;
  run([...prefix, 'apt-get', 'update', '--quiet'], options);
  // One that this system does not have must not keep the others away.
  if (!run([...prefix, ...command, '--quiet'], options) && packages.length > 1)
    for (const one of packages)
      run([...prefix, 'apt-get', 'install', '--yes', '--no-install-recommends', one, '--quiet'], options);
  if (existsSync('/run/systemd/system')) {
    for (const { unwantedService } of wanted)
      if (unwantedService) run([...prefix, 'systemctl', 'disable', '--now', unwantedService], options);
  }
  const left = wanted.filter(need => !need.isThere());
  if (left.length > 0) say(`still missing: ${names(left)}; boxswain doctor says what that means`);
}

function run(argv: string[], options: object): boolean {
  const [program = '', ...args] = argv;
  const { status, stderr } = spawnSync(program, args, options);
  if (status !== 0)
    say(
      `${argv.join(' ')} failed: ${String(stderr ?? '')
        .trim()
        .split('\n')
        .at(-1)}`,
    );
  return status === 0;
}

/** Words to put before a command that needs root; undefined when there is no way without asking. */
function privilege(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return onPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n']
    : undefined;
}

function pythonHas(...modules: string[]): boolean {
  return spawnSync('/usr/bin/python3', ['-I', '-c', `import ${modules.join(', ')}`], { stdio: 'ignore' }).status === 0;
}

function names(list: Need[]): string {
  return list.map(need => need.what).join(', ');
}

function say(text: string): void {
  console.error(`boxswain: ${text}`);
}
