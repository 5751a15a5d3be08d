import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deployedUnits } from '../../src/cli/service/deployed-units.ts';
import { type Host, targetOf } from '../../src/cli/service/target.ts';
import { inUnit } from './unit-emulation.ts';

const host: Host = { platform: 'linux', isRoot: true, uid: 0, env: { HOME: '/home/somebody' }, root: '/' };
const words = [process.execPath, '/opt/boxswain/bin/boxswain.js', 'serve', '--port', '5000'];
const units = {
  ...deployedUnits,
  system: targetOf('system', host).text(words),
  user: targetOf('user', host).text(words),
};

interface Unit {
  readonly name: string;
  readonly text: string;
}

/** What an unfitting line would be lost in: systemd ignores those it does not know, and says so. */
const TALLY = /Overall exposure level for \S+: (\d+(?:\.\d+)?)/;

describe('the units that a service is installed with, and those of deploy/', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'boxswain-units-'));
    if (spawnSync('systemd-analyze', ['--version']).error === undefined) return;
    const install = 'apt-get install --yes --no-install-recommends systemd';
    const { status, stderr } = spawnSync('sh', ['-c', `${install} || { apt-get update && ${install}; }`], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `systemd-analyze is missing and cannot be installed: ${stderr}`);
  });
  after(() => rm(folder, { recursive: true }));

  /** By a manager as the one that runs it: that of the machine, or a user's. */
  const analyze = async (verb: readonly string[], { name, text }: Unit) => {
    const file = join(folder, 'boxswain.service');
    const runnable = text
      .replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
      .replace(/^Documentation=.*\n/m, '');
    await writeFile(file, runnable);
    const manager = name === 'user' ? '--user' : '--system';
    const { stdout, stderr } = spawnSync('systemd-analyze', [...verb, manager, file], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder },
    });
    return stdout + stderr;
  };
  const complaintsOf = async (unit: Unit) =>
    (await analyze(['verify'], unit)).split('\n').filter(line => line.includes('boxswain.service'));
  const exposureOf = async (unit: Unit) => {
    const said = await analyze(['security', '--offline=true', '--no-pager'], unit);
    return Number(TALLY.exec(said)?.[1] ?? assert.fail(said));
  };

  it('are taken by systemd without a complaint', async () => {
    for (const [name, text] of Object.entries(units)) assert.deepEqual(await complaintsOf({ name, text }), [], name);
    const misspelt = { name: 'user', text: units.user.replace('ProtectSystem=', 'ProtectSystems=') };
    assert.match((await complaintsOf(misspelt)).join(), /ProtectSystems/);
  });

  it('leave less than 3.0 of exposure by its own measure, as they are written', async () => {
    for (const [name, text] of Object.entries(units)) {
      const exposure = await exposureOf({ name, text });
      assert.ok(exposure < 3, `${name}: ${exposure}`);
    }
    assert.ok((await exposureOf({ name: 'bare', text: '[Service]\nExecStart=/bin/true\n' })) > 9);
  });

  it('start under the real manager of a user, who sees what the unit says and makes a sandbox', () => {
    const mayMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'cgroup2', 'none', '/mnt']).status === 0;
    if (process.getuid?.() !== 0 || !mayMount) return;
    const script = fileURLToPath(new URL('../../scripts/try-user-unit.sh', import.meta.url));
    const { status, stdout, stderr } = spawnSync('sh', [script], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^other homes are not there\n.*it makes groups below its own\n.*it makes a sandbox\ndone\n$/s);
  });

  it('hold no secret, and name the file for them', () => {
    for (const [name, text] of Object.entries(units)) {
      assert.match(text, /^EnvironmentFile=-?\S+\.env$/m, name);
      assert.doesNotMatch(text, /(?:PASSWORD|SECRET|TOKEN|API_KEY)=/, name);
    }
  });

  it('let boxes be made: mounts, namespaces and devices are as the unit makes them', () => {
    if (process.getuid?.() !== 0) return;
    assert.ok(existsSync('/usr/bin/bwrap'), 'bubblewrap is not installed');
    for (const text of [units.serve, units.worker, units.system, units.user]) {
      const { status, stdout, stderr } = inUnit(text, [
        'sh',
        '-c',
        'hostname; echo x > /dev/null && ls /proc/self/fd >/dev/null && echo made',
      ]);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, 'box\nmade\n');
    }
    // What the units leave out is what would keep them from it.
    const closed = inUnit(units.serve.replace('ProtectProc=invisible', '$&\nProtectKernelTunables=yes'), ['true']);
    assert.notEqual(closed.status, 0);
  });
});
