import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { configKeys } from '../../src/config/keys.ts';

const folder = new URL('../../deploy/systemd/', import.meta.url);
const roles = ['hub', 'worker', 'serve'] as const;
const read = (role: string): Promise<string> => readFile(new URL(`boxswain-${role}.service`, folder), 'utf8');

/** `Section.Key` with its values, in order. Throws on a line that is none of a unit. */
function parseUnit(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let section: string | undefined;
  for (const [at, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(Unit|Service|Install)\]$/.exec(line);
    if (header) {
      section = header[1];
      continue;
    }
    const [, key, value = ''] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (section === undefined || key === undefined) throw new Error(`line ${at + 1} is none of a unit: ${line}`);
    const name = `${section}.${key}`;
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

/** What systemd itself says; undefined where it is not installed. The program is replaced by one that is there. */
async function verify(units: Readonly<Record<string, string>>): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-units-'));
  try {
    const files: string[] = [];
    for (const [role, text] of Object.entries(units)) {
      const file = join(directory, `boxswain-${role}.service`);
      const runnable = text
        .replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
        .replace(/^Documentation=.*\n/m, '');
      await writeFile(file, runnable);
      files.push(file);
    }
    const { error, status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    if (error) return undefined;
    const said = (stdout + stderr).split('\n').filter(line => line.includes('boxswain-'));
    return [...said, ...(status === 0 ? [] : [`exit ${status}`])].join('\n');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('the systemd units', () => {
  it('are taken by systemd, where it is installed', async () => {
    const units = Object.fromEntries(await Promise.all(roles.map(async role => [role, await read(role)] as const)));
    const said = await verify(units);
    assert.ok(said === undefined || said === '', said);
  });

  it('are found wrong when they are, by systemd or by our own reading', async () => {
    const hub = await read('hub');
    assert.throws(() => parseUnit(hub.replace('[Service]', '[Service')));
    assert.throws(() => parseUnit(hub.replace('Restart=always', 'Restart always')));
    const said = await verify({ hub: hub.replace('ProtectSystem=strict', 'ProtectSystems=strict') });
    assert.ok(said === undefined || /ProtectSystems/.test(said), said);
  });

  it('start each role as a user of its own, and set variables that Boxswain knows', async () => {
    const known = new Set(configKeys.map(({ variable }) => variable));
    for (const role of roles) {
      const unit = parseUnit(await read(role));
      assert.deepEqual(unit.get('Service.ExecStart'), [`/usr/local/bin/boxswain ${role}`]);
      assert.deepEqual(unit.get('Service.User'), ['boxswain']);
      assert.deepEqual(unit.get('Install.WantedBy'), ['multi-user.target']);
      const variables = (unit.get('Service.Environment') ?? []).flatMap(line =>
        line.split(' ').map(pair => pair.split('=')[0] ?? ''),
      );
      for (const name of variables) assert.ok(known.has(name), name);
    }
  });

  it('keep every role from new privileges, from the system’s files, and from people’s', async () => {
    for (const role of roles) {
      const unit = parseUnit(await read(role));
      for (const [key, value] of Object.entries({
        NoNewPrivileges: 'yes',
        ProtectSystem: 'strict',
        ProtectHome: 'yes',
        CapabilityBoundingSet: '',
        SystemCallArchitectures: 'native',
      }))
        assert.deepEqual(unit.get(`Service.${key}`), [value], `${role}: ${key}`);
    }
  });

  it('leave those that make boxes what boxes are made of', async () => {
    for (const role of ['worker', 'serve']) {
      const unit = parseUnit(await read(role));
      // Each of these covers parts of /proc or /sys, and then no process without privileges may mount a /proc.
      for (const key of [
        'ProtectKernelTunables',
        'ProtectKernelLogs',
        'ProtectControlGroups',
        'ProcSubset',
        'ProtectHostname',
        'RestrictNamespaces',
      ])
        assert.equal(unit.get(`Service.${key}`), undefined, `${role}: ${key}`);
      assert.deepEqual(unit.get('Service.Delegate'), ['cpu memory pids']);
      assert.match(unit.get('Service.SystemCallFilter')?.join(' ') ?? '', /@mount.*sethostname/);
      assert.match(unit.get('Service.RestrictAddressFamilies')?.join(' ') ?? '', /AF_NETLINK/);
    }
  });
});
