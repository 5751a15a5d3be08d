import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { RecordingTerminal } from '../../../test/support/recording-terminal.ts';
import { desktopEntry, launchdPlist } from './other-files.ts';
import { addServiceCommand } from './service-command.ts';
import { unitWord } from './systemd-unit.ts';
import type { Host } from './target.ts';

/** A machine with systemd, a user at it who has a home, and what the commands ran there. */
class Machine {
  readonly commands: string[] = [];
  readonly host: Host;
  /** Begins of commands that fail there. */
  failing: string[] = [];
  program = ['/opt/node', '/opt/boxswain.js'];

  constructor(root: string, host: Partial<Host> = {}) {
    const env = {
      HOME: join(root, 'home'),
      XDG_RUNTIME_DIR: join(root, 'run/user/1000'),
      CODEGEN_API_TOKEN: 'sk-never-written',
    };
    this.host = { platform: 'linux', isRoot: false, uid: 1000, env, root, ...host };
  }

  at = (path: string): string => join(this.host.root, path);
  read = (path: string): Promise<string> => readFile(this.at(path), 'utf8');
  modeOf = async (path: string): Promise<number> => (await stat(this.at(path))).mode & 0o777;

  async boxswain(...words: string[]): Promise<RecordingTerminal> {
    const terminal = new RecordingTerminal();
    const service = new Command('service').option('--config <file>').exitOverride();
    addServiceCommand(service, {
      ...{ terminal, env: this.host.env, host: this.host, program: this.program, signal: new AbortController().signal },
      run: async command => {
        const line = command.join(' ');
        this.commands.push(line);
        return this.failing.some(begin => line.startsWith(begin))
          ? { code: 1, said: 'no such thing' }
          : { code: 0, said: '' };
      },
    });
    await service.parseAsync(words, { from: 'user' });
    return terminal;
  }
}

async function onMachine(
  work: (machine: Machine, root: string) => Promise<void>,
  host: Partial<Host> = {},
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'boxswain-service-'));
  try {
    for (const folder of ['home', 'run/systemd/system', 'run/user/1000/systemd'])
      await mkdir(join(root, folder), { recursive: true });
    await work(new Machine(root, host), root);
  } finally {
    await rm(root, { recursive: true });
  }
}

const UNIT = 'home/.config/systemd/user/boxswain.service';

test('a unit of the user, one of the machine, and an entry of the desktop start the server, and none holds a token', () =>
  onMachine(async (user, root) => {
    const admin = new Machine(root, { isRoot: true });
    for (const [machine, words, path, line, environment] of [
      [user, [], UNIT, 'WantedBy=default.target', 'home/.config/boxswain/service.env'],
      [admin, [], 'etc/systemd/system/boxswain.service', 'WantedBy=multi-user.target', 'etc/boxswain/serve.env'],
      [
        user,
        ['--autostart'],
        'home/.config/autostart/boxswain.desktop',
        'X-GNOME-Autostart-enabled=true',
        'home/.config/boxswain/service.env',
      ],
    ] as const) {
      const { stdout } = await machine.boxswain(
        'install',
        ...words,
        '--host',
        'localhost',
        '--port',
        '8081',
        '--config',
        '/etc/my config.json',
      );
      assert.ok(stdout.includes(machine.at(path)), stdout);
      const text = await machine.read(path);
      assert.ok(text.split('\n').includes(line), text);
      assert.match(text, /"\/opt\/node" "\/opt\/boxswain\.js" "serve" "--host" "localhost" "--port" "8081"/);
      assert.ok(text.includes('"--config" "/etc/my config.json"'));
      assert.ok(text.includes(machine.at(environment)), text);
      assert.doesNotMatch(text, /sk-never|TOKEN/);
      assert.equal((await machine.modeOf(path)) & 0o022, 0);
      assert.equal(await machine.modeOf(environment), 0o600);
    }
    assert.deepEqual(user.commands, [
      'systemctl --user daemon-reload',
      'systemctl --user enable --now boxswain.service',
    ]);
    assert.deepEqual(admin.commands, [
      ...['getent passwd boxswain', 'systemctl daemon-reload', 'systemctl enable --now boxswain.service'],
    ]);
  }));

test('on macOS launchd starts it, as an agent of the user or a daemon of the machine', () =>
  onMachine(
    async (user, root) => {
      await user.boxswain('install');
      const plist = await user.read('home/Library/LaunchAgents/boxswain.serve.plist');
      assert.match(plist, /<string>--env-file<\/string>\n {4}<string>\S+service\.env<\/string>/);
      assert.deepEqual(user.commands, [
        `launchctl bootstrap gui/1000 ${user.at('home/Library/LaunchAgents/boxswain.serve.plist')}`,
      ]);
      const admin = new Machine(root, { platform: 'darwin', isRoot: true });
      await admin.boxswain('install');
      assert.match(await admin.read('Library/LaunchDaemons/boxswain.serve.plist'), /\/var\/log\/boxswain\.log/);
      await assert.rejects(user.boxswain('install', '--autostart'), { code: 'CAPABILITY_UNSUPPORTED' });
    },
    { platform: 'darwin' },
  ));

test('what it wrote before is written again, and what somebody else wrote is left alone', () =>
  onMachine(async machine => {
    await machine.boxswain('install', '--no-start');
    const { stdout } = await machine.boxswain('install', '--no-start', '--port', '8082');
    assert.match(stdout, /Now run:\n {2}systemctl --user daemon-reload/);
    assert.deepEqual(machine.commands, []);
    assert.match(await machine.read(UNIT), /8082/);
    await writeFile(machine.at(UNIT), '[Unit]\n');
    for (const verb of ['install', 'uninstall', 'status'])
      await assert.rejects(machine.boxswain(verb), { code: 'CONFLICT' });
    assert.equal(await machine.read(UNIT), '[Unit]\n');
    await assert.rejects(machine.boxswain('install', '--system', '--user'), { code: 'VALIDATION_ERROR' });
  }));

test('what is missing is said with the next step, and nothing is written', async () => {
  const refused = async (
    host: Partial<Host>,
    words: string[],
    { code, hint }: { code: string; hint: RegExp },
    prepare?: (machine: Machine) => Promise<unknown>,
  ) =>
    await onMachine(async machine => {
      await prepare?.(machine);
      await assert.rejects(machine.boxswain('install', ...words), (error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error && 'hint' in error);
        assert.equal(error.code, code);
        assert.match(String(error.hint), hint);
        return true;
      });
      for (const path of [UNIT, 'etc/systemd/system/boxswain.service', 'home/.config'])
        await assert.rejects(stat(machine.at(path)), path);
    }, host);
  const without = (path: string) => (machine: Machine) => rm(machine.at(path), { recursive: true });
  await refused({}, [], { code: 'CAPABILITY_UNSUPPORTED', hint: /--autostart/ }, without('run/systemd'));
  await refused({}, [], { code: 'CAPABILITY_UNSUPPORTED', hint: /loginctl enable-linger/ }, without('run/user'));
  await refused({}, ['--system'], { code: 'POLICY_DENIED', hint: /sudo/ });
  await refused({ env: {} }, [], { code: 'VALIDATION_ERROR', hint: /set HOME/ });
  await refused({}, [], { code: 'VALIDATION_ERROR', hint: /make it/ }, without('home'));
  await refused({ platform: 'win32' }, [], { code: 'CAPABILITY_UNSUPPORTED', hint: /Task Scheduler/ });
  await refused({ isRoot: true }, [], { code: 'NOT_CONFIGURED', hint: /useradd --system/ }, async machine => {
    machine.failing = ['getent'];
  });
  await refused({ isRoot: true }, [], { code: 'VALIDATION_ERROR', hint: /for all users/ }, async machine => {
    machine.program = ['/root/.nvm/node', '/root/lib/boxswain.js'];
  });
  await refused({}, [], { code: 'VALIDATION_ERROR', hint: /npm install --global/ }, async machine => {
    machine.program = ['/opt/node', '/home/x/.npm/_npx/1/node_modules/.bin/boxswain'];
  });
});

test('a file for secrets that others can read is refused', () =>
  onMachine(async machine => {
    const file = machine.at('home/.config/boxswain/service.env');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'BOXSWAIN_HTTP_PORT=5000\n');
    await chmod(file, 0o644);
    await assert.rejects(machine.boxswain('install'), { code: 'POLICY_DENIED', hint: `run: chmod 600 ${file}` });
    await chmod(file, 0o600);
    await machine.boxswain('install');
    assert.equal(await readFile(file, 'utf8'), 'BOXSWAIN_HTTP_PORT=5000\n');
  }));

test('a service manager that fails is quoted', () =>
  onMachine(async machine => {
    machine.failing = ['systemctl --user enable'];
    await assert.rejects(
      machine.boxswain('install'),
      /systemctl --user enable --now boxswain.service failed: no such thing/,
    );
  }));

test('it is shown without being done, told of, and taken away again', () =>
  onMachine(async machine => {
    const dry = await machine.boxswain('install', '--dry-run');
    assert.match(dry.stdout, /# then: systemctl --user enable --now boxswain\.service/);
    await assert.rejects(stat(machine.at(UNIT)));
    assert.equal((await machine.boxswain('status')).exitCode, 3);
    await machine.boxswain('install');
    const running = await machine.boxswain('status', '--json');
    assert.deepEqual(
      [JSON.parse(running.stdout).installed, JSON.parse(running.stdout).active, running.exitCode],
      [true, true, undefined],
    );
    machine.failing = ['systemctl --user is-active'];
    const stopped = await machine.boxswain('status');
    assert.match(stopped.stdout, /running: {3}no/);
    assert.equal(stopped.exitCode, 3);
    assert.match((await machine.boxswain('uninstall', '--dry-run')).stdout, /# run: systemctl --user disable --now/);
    machine.commands.length = 0;
    assert.match((await machine.boxswain('uninstall')).stdout, /Removed/);
    assert.deepEqual(machine.commands, [
      'systemctl --user disable --now boxswain.service',
      'systemctl --user daemon-reload',
    ]);
    assert.equal(JSON.parse((await machine.boxswain('uninstall', '--json')).stdout).removed, false);
    assert.match(await machine.read('home/.config/boxswain/service.env'), /Keep its mode at 0600/);
  }));

test('words are quoted so that nothing in them is read as more than itself', () => {
  const words = ['a b', '100%', '$HOME', 'say "x"', 'back\\slash', '`id`', '<&>'];
  assert.equal(words.map(unitWord).join(' '), '"a b" "100%%" "$$HOME" "say \\"x\\"" "back\\\\slash" "`id`" "<&>"');
  assert.ok(
    desktopEntry(words).includes(
      'Exec="a b" "100%%" "\\\\$HOME" "say \\\\"x\\\\"" "back\\\\\\\\slash" "\\\\`id\\\\`" "<&>"\n',
    ),
  );
  assert.match(
    launchdPlist(words, { log: '/l' }),
    /<string>say &quot;x&quot;<\/string>[\s\S]*<string>&lt;&amp;&gt;<\/string>/,
  );
});
