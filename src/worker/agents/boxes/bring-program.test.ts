import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { AppError } from '../../../errors/app-error.ts';
import { silentLog } from '../../../log/log.ts';
import type { BoxNeeds, Driver } from '../driver.ts';
import { BoxPrograms } from './box-programs.ts';
import { bringProgram } from './bring-program.ts';
import { readableToBoxes } from './readable-copies.ts';

const root = await realpath(await mkdtemp(join(tmpdir(), 'boxswain-programs-')));
after(() => rm(root, { recursive: true, force: true }));
const base = '/opt/boxswain/agents/some';
const nodeFolder = dirname(process.execPath);

async function put(path: string, text: string | Buffer): Promise<string> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode: 0o755 });
  return file;
}

const bring = (program: string) => bringProgram({ kind: 'some', program, path: nodeFolder, base });
const isUnavailable = (reason: RegExp) => (error: unknown) =>
  error instanceof AppError &&
  error.code === 'AGENT_UNAVAILABLE' &&
  reason.test(error.message) &&
  !error.message.includes(root);

test('a binary is brought by itself, under a name that newer versions have too', async () => {
  const file = await put('share/versions/1.2.3', Buffer.from('\x7fELF and more', 'latin1'));
  await symlink(file, join(root, 'tool'));
  const brought = await bring(join(root, 'tool'));
  assert.deepEqual(brought, { command: [`${base}/bin/some`], mounts: [{ from: file, to: `${base}/bin/some` }] });
});

test('a script for Node is brought with all packages that were installed with it, and Node', async () => {
  const script = await put('lib/node_modules/@who/agent/dist/cli.js', '#!/usr/bin/env node\n');
  await put('lib/node_modules/@who/agent/package.json', '{"name": "@who/agent"}');
  await put('lib/package.json', '{"name": "somebody-else"}');
  await mkdir(join(root, 'lib/node_modules/.bin'));
  await symlink(script, join(root, 'lib/node_modules/.bin/agent'));
  const { command, mounts } = await bring(join(root, 'lib/node_modules/.bin/agent'));
  assert.deepEqual(command.slice(1), [`${base}/node_modules/@who/agent/dist/cli.js`]);
  assert.deepEqual(mounts.at(-1), { from: join(root, 'lib/node_modules'), to: `${base}/node_modules` });
});

test('packages inside of a package come with those that it was installed beside', async () => {
  await put('deep/node_modules/outer/package.json', '{"name": "outer"}');
  const script = await put('deep/node_modules/outer/node_modules/inner/cli.js', '#!/usr/bin/env node\n');
  const { mounts } = await bring(script);
  assert.equal(mounts.at(-1)?.from, join(root, 'deep/node_modules'));
});

test('a script of a folder of packages that belongs to somebody else brings only its own', async () => {
  const script = await put('node_modules/.cache/tool/node_modules/agent/cli.js', '#!/usr/bin/env node\n');
  const { mounts } = await bring(script);
  assert.equal(mounts.at(-1)?.from, join(root, 'node_modules/.cache/tool/node_modules'));
});

test('what is below /usr is in every box as it is', async () => {
  assert.deepEqual(await bring('/usr/bin/env'), { command: [await realpath('/usr/bin/env')], mounts: [] });
});

test('what cannot be brought says why, without a path of the host', async () => {
  await assert.rejects(bring(join(root, 'absent')), isUnavailable(/absent is not installed$/));
  await assert.rejects(
    bring(await put('plain.sh', '#!/bin/sh\n')),
    isUnavailable(/neither a binary nor a script for Node/),
  );
  await assert.rejects(bring(await put('loose.js', '#!/usr/bin/env node\n')), isUnavailable(/no installed package/));
});

test('boxes of root get a copy of what their users could not reach, and a new one when it changes', {
  skip: process.getuid?.() !== 0,
}, async () => {
  const hidden = join(root, 'hidden');
  await chmod(root, 0o755);
  const from = await put('hidden/program', 'one');
  await chmod(hidden, 0o700);
  const copies = join(root, 'copies');
  const open = await put('open/program', 'open');
  const [first, second] = await readableToBoxes(
    [
      { from, to: '/a' },
      { from: open, to: '/b' },
    ],
    copies,
  );
  assert.notEqual(first?.from, from);
  assert.equal(await readFile(first?.from ?? '', 'utf8'), 'one');
  assert.deepEqual(second, { from: open, to: '/b' });
  assert.deepEqual(await readableToBoxes([{ from, to: '/a' }], copies), [first]);
  await rm(from);
  await put('hidden/program', 'another');
  const [third] = await readableToBoxes([{ from, to: '/a' }], copies);
  assert.equal(await readFile(third?.from ?? '', 'utf8'), 'another');
});

test('an agent that cannot be brought keeps no other out', async () => {
  const file = await put('good', Buffer.from('\x7fELF', 'latin1'));
  const needs = (program: BoxNeeds['program']): BoxNeeds => ({ program, modelHosts: [], environment: () => ({}) });
  const driver = (kind: string, boxed?: BoxNeeds): Driver => ({
    kind,
    describe: () => assert.fail('nobody asks'),
    open: () => assert.fail('nobody asks'),
    ...(boxed && { boxed }),
  });
  const programs = new BoxPrograms({
    drivers: [
      driver(
        'broken',
        needs(() => Promise.reject(new Error(`cannot read ${root}`))),
      ),
      driver(
        'good',
        needs(at => bringProgram({ kind: 'good', program: file, path: '', base: at })),
      ),
      driver('never'),
    ],
    copies: join(root, 'copies'),
    log: silentLog,
  });
  assert.deepEqual(await programs.commandsOf('good'), { command: ['/opt/boxswain/agents/good/bin/good'] });
  assert.equal((await programs.mounts()).length, 1);
  assert.deepEqual(await Promise.all(['good', 'broken', 'never'].map(kind => programs.has(kind))), [
    true,
    false,
    false,
  ]);
  await assert.rejects(programs.commandsOf('broken'), isUnavailable(/its program cannot be read$/));
  await assert.rejects(programs.commandsOf('never'), isUnavailable(/it does not run there$/));
});
