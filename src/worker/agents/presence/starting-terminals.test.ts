import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { Terminal } from '../../../../test/support/terminal.ts';
import { StartingTerminals } from './starting-terminals.ts';

const SESSION = 'b6f2a1de-5b1c-4a77-9c52-0f6a3c1d2e4f';
const program = process.execPath;
/** Node stands for the agent: what it is given after that is its own. */
const words = (...more: string[]) => ['-e', 'setTimeout(() => {}, 1e8)', '--', ...more];

describe('terminals that are just being opened', () => {
  let config = '';
  const opened: Terminal[] = [];
  before(async () => {
    config = await mkdtemp(join(tmpdir(), 'boxswain-starting-'));
    await mkdir(join(config, 'sessions'));
  });
  after(async () => {
    for (const terminal of opened) await terminal.close();
    await rm(config, { recursive: true });
  });

  const open = async (args: string[], env: Record<string, string> = { CLAUDE_CONFIG_DIR: config }) => {
    const terminal = await Terminal.open({ program, args: words(...args), cwd: '/', env });
    opened.push(terminal);
    return terminal;
  };
  const look = async (own: number[] = []) => {
    const terminals = new StartingTerminals({ program: () => program, config, own: () => own });
    const found = await terminals.look({ isThorough: true });
    terminals.close();
    return found;
  };
  const pids = async (own?: number[]) => (await look(own)).map(({ pid }) => pid);

  it('are found with the session that they name, until they say what they have open', async () => {
    const before = Date.now();
    const { pid } = await open(['--resume', SESSION.toUpperCase()]);
    await eventually(async () => (await pids()).includes(pid));
    const [found] = (await look()).filter(one => one.pid === pid);
    assert.equal(found?.opens, SESSION);
    // The kernel counts in hundredths of a second.
    assert.ok(Math.abs((found?.since ?? 0) - before) < 60_000);
    assert.deepEqual(await pids([process.pid]), [], 'what we have started');
    await writeFile(join(config, `sessions/${pid}.json`), '{}');
    assert.deepEqual(await pids(), []);
    await rm(join(config, `sessions/${pid}.json`));
  });

  it('are looked for among what is new, and thoroughly among all, since a shell may have become one', async () => {
    let now = 0;
    const clock = () => now;
    const terminals = new StartingTerminals({ program: () => program, config, own: () => [], clock });
    const among = async (isThorough: boolean) => (await terminals.look({ isThorough })).map(({ pid }) => pid);
    const old = await open(['--resume', SESSION]);
    await eventually(async () => (await among(false)).includes(old.pid));
    now += 6_000;
    const { pid } = await open(['--resume', SESSION]);
    await eventually(async () => (await among(false)).includes(pid));
    assert.ok(!(await among(false)).includes(old.pid));
    const all = await among(true);
    assert.ok(all.includes(old.pid) && all.includes(pid));
    terminals.close();
  });

  it('may be about to open any session where they name none', async () => {
    const { pid } = await open(['--continue']);
    await eventually(async () => (await pids()).includes(pid));
    assert.equal((await look()).find(one => one.pid === pid)?.opens, undefined);
  });

  it('are none that print an answer, belong to another folder, or have no terminal', async () => {
    const other = await open(['--resume', SESSION], { CLAUDE_CONFIG_DIR: '/elsewhere' });
    const printing = await open(['-p', '--resume', SESSION]);
    const child = spawn(program, words('--resume', SESSION), {
      env: { CLAUDE_CONFIG_DIR: config },
      detached: true,
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    // Opened after them: when it is found, they would be.
    const { pid } = await open(['--resume', SESSION]);
    await eventually(async () => (await pids()).includes(pid));
    const found = await pids();
    for (const one of [other.pid, printing.pid, child.pid ?? 0]) assert.ok(!found.includes(one));
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  });
});
