import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { z } from 'zod';
import { RecordingTerminal } from '../../../test/support/recording-terminal.ts';
import { scratchDirectory } from '../../../test/support/server.ts';
import { AppError } from '../../errors/app-error.ts';
import { hookTokenCreate, hookTokenRevoke } from '../../operations/sessions/hook-tokens.ts';
import { addHookCommands } from './hooks-command.ts';

const reportSchema = z.looseObject({});

/** A user with settings of Claude Code, at a machine whose hub makes tokens. */
async function withUser(work: (user: Awaited<ReturnType<typeof makeUser>>) => Promise<void>): Promise<void> {
  const user = await makeUser();
  try {
    await work(user);
  } finally {
    await user.close();
  }
}

async function makeUser() {
  const scratch = await scratchDirectory();
  const folder = join(scratch.path, 'claude');
  await mkdir(folder);
  await mkdir(join(scratch.path, 'managed'));
  const valid = new Set<string>();
  const server = createServer((request, response) => {
    response.statusCode = valid.has(request.headers.authorization?.slice('Bearer '.length) ?? '') ? 400 : 401;
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const access = {
    ...{ url: `http://127.0.0.1:${address.port}/api/hooks/claude`, holdSeconds: 600 },
    tokenFile: join(scratch.path, 'data', 'hook-token'),
  };
  const call = async (name: string, args: Record<string, unknown>) => {
    if (name === hookTokenCreate.name) {
      const token = `bxh_secret-${valid.size}`;
      valid.add(token);
      return { output: { token }, text: [] };
    }
    const found = [...valid].find(token => createHash('sha256').update(token).digest('hex') === args.sha256);
    return { output: { revoked: found !== undefined && valid.delete(found) }, text: [] };
  };
  const settings = join(folder, 'settings.json');
  return {
    ...{ access, folder, settings, valid, managed: join(scratch.path, 'managed') },
    backup: `${settings}.before-boxswain`,
    read: () => readFile(settings, 'utf8'),
    modeOf: async (path: string) => (await stat(path)).mode & 0o777,
    async run(words: string, { typed = '', isInteractive = true } = {}) {
      const terminal = new RecordingTerminal({ isInteractive });
      terminal.typed = typed;
      const program = new Command().exitOverride();
      addHookCommands(program, {
        ...{ terminal, operations: [hookTokenCreate, hookTokenRevoke], env: { CLAUDE_CONFIG_DIR: folder } },
        ...{
          signal: new AbortController().signal,
          flagsOf: () => ({ settings: {} }),
          managedFolder: join(scratch.path, 'managed'),
        },
        roles: {
          hookAccess: async () => access,
          connect: async () => ({
            call: (operation, args) => call(operation.name, args),
            upload: () => Promise.reject(new Error('nothing is uploaded')),
            close: async () => {},
          }),
        },
      });
      await program.parseAsync(words.split(' '), { from: 'user' });
      return { ...terminal, report: () => reportSchema.parse(JSON.parse(terminal.stdout)) };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await scratch.remove();
    },
  };
}

const original =
  '{\n   "model": "opus",\n   "hooks": {\n      "Stop": [ {"hooks": [{"type":"command","command":"true"}]} ]\n   }\n}';

test('hooks are installed once somebody agrees, shown before without the secret, and removed byte for byte', () =>
  withUser(async user => {
    await writeFile(user.settings, original, { mode: 0o640 });
    await chmod(user.settings, 0o640);
    const declined = await user.run('install', { typed: 'n' });
    assert.match(declined.stdout, /Nothing was changed/);
    assert.equal(await user.read(), original);
    assert.equal(user.valid.size, 0);
    const installed = await user.run('install', { typed: 'y' });
    assert.match(installed.stderr, /"PermissionRequest"[\s\S]*Bearer \$BOXSWAIN_HOOK_TOKEN[\s\S]*Change it\?/);
    assert.doesNotMatch(installed.stderr + installed.stdout, /bxh_secret/);
    const text = await user.read();
    assert.ok(text.startsWith(original.slice(0, original.indexOf('} ]') + 1)), text);
    const { env, hooks, model } = JSON.parse(text);
    assert.deepEqual([env, model, hooks.Stop.length], [{ BOXSWAIN_HOOK_TOKEN: 'bxh_secret-0' }, 'opus', 2]);
    assert.deepEqual(hooks.PermissionRequest, [
      {
        hooks: [
          {
            ...{ type: 'http', url: user.access.url, headers: { Authorization: 'Bearer $BOXSWAIN_HOOK_TOKEN' } },
            ...{ allowedEnvVars: ['BOXSWAIN_HOOK_TOKEN'], timeout: 615 },
          },
        ],
      },
    ]);
    assert.deepEqual([await user.modeOf(user.settings), await user.modeOf(user.access.tokenFile)], [0o600, 0o600]);
    assert.equal(await readFile(user.backup, 'utf8'), original);
    const removed = await user.run('remove --yes --json');
    assert.deepEqual(removed.report(), { removed: true, how: 'restored', settings: user.settings, revoked: true });
    assert.equal(await user.read(), original);
    assert.equal(await user.modeOf(user.settings), 0o640);
    for (const gone of [user.backup, user.access.tokenFile]) await assert.rejects(stat(gone));
    assert.equal(user.valid.size, 0);
  }));

test('installing again changes nothing, unless the token is void or the server has moved', () =>
  withUser(async user => {
    await writeFile(user.settings, original);
    await user.run('install --yes');
    const first = await user.read();
    const again = await user.run('install --yes --json');
    assert.equal(again.report().changed, false);
    assert.equal(await user.read(), first);
    user.valid.clear();
    user.valid.add('of somebody else');
    await user.run('install --yes');
    assert.match(await user.read(), /bxh_secret-1/);
    await user.run('install --yes --url http://127.0.0.1:1/');
    const moved = await user.read();
    assert.match(moved, /"http:\/\/127.0.0.1:1\/api\/hooks\/claude"/);
    assert.ok(!moved.includes(user.access.url));
    assert.equal(await readFile(user.backup, 'utf8'), original);
    await user.run('remove --yes');
    assert.equal(await user.read(), original);
  }));

test('where there were no settings there are none again; where they were changed since, only the hooks go', () =>
  withUser(async user => {
    await user.run('install --yes');
    await user.run('remove --yes');
    await assert.rejects(stat(user.settings));
    await writeFile(user.settings, original);
    await user.run('install --yes');
    const changed = (await user.read()).replace('"opus"', '"haiku"');
    await writeFile(user.settings, changed);
    const removed = await user.run('remove --yes --json');
    assert.equal(removed.report().how, 'cut out');
    assert.equal(await user.read(), original.replace('"opus"', '"haiku"'));
    assert.equal((await user.run('remove --yes --json')).report().how, 'not there');
  }));

test('settings that are a link stay one, and what is no settings file is left alone', () =>
  withUser(async user => {
    const kept = join(user.folder, 'kept.json');
    await writeFile(kept, original);
    await symlink(kept, user.settings);
    await user.run('install --yes');
    assert.ok((await lstat(user.settings)).isSymbolicLink());
    assert.match(await readFile(kept, 'utf8'), /PermissionRequest/);
    await user.run('remove --yes');
    assert.equal(await readFile(kept, 'utf8'), original);
    for (const broken of ['{"hooks": ', '[]', '{"hooks": []}']) {
      await writeFile(kept, broken);
      await assert.rejects(user.run('install --yes'), AppError);
      assert.equal(await readFile(kept, 'utf8'), broken);
    }
  }));

test('the token can stay out of the settings; its file is refused where others can read it', () =>
  withUser(async user => {
    await writeFile(user.settings, original);
    const installed = await user.run('install --yes --no-env');
    assert.match(installed.stdout, /BOXSWAIN_HOOK_TOKEN="\$\(cat /);
    assert.doesNotMatch(await user.read(), /bxh_secret/);
    await chmod(user.access.tokenFile, 0o644);
    await assert.rejects(user.run('install --yes'), /can be read by others/);
  }));

test('a server of another machine needs a token of its own', () =>
  withUser(async user => {
    await assert.rejects(user.run('install --yes --url https://hub.example.org'), /there is no token for/);
    await assert.rejects(user.run('install --yes --url nonsense'), /takes an http or https address/);
    await assert.rejects(stat(user.settings));
  }));

test('nobody is asked where nobody can answer', () =>
  withUser(async user => {
    await assert.rejects(user.run('install', { isInteractive: false }), /nobody can be asked/);
    await assert.rejects(stat(user.settings));
  }));

test('an administrator who forbids hooks is named, and nothing is installed', () =>
  withUser(async user => {
    const forbid = (policy: object) => writeFile(join(user.managed, 'managed-settings.json'), JSON.stringify(policy));
    for (const [policy, reason] of [
      [{ allowManagedHooksOnly: true }, /allowManagedHooksOnly/],
      [{ disableAllHooks: true }, /disableAllHooks/],
      [{ allowedHttpHookUrls: ['https://hooks.example.org/*'] }, /allowedHttpHookUrls does not list/],
      [{ httpHookAllowedEnvVars: [] }, /httpHookAllowedEnvVars/],
    ] as const) {
      await forbid(policy);
      await assert.rejects(user.run('install --yes'), reason);
      assert.match((await user.run('status')).stdout, reason);
    }
    await forbid({ allowedHttpHookUrls: ['http://127.0.0.1:*'], httpHookAllowedEnvVars: ['BOXSWAIN_HOOK_TOKEN'] });
    await user.run('install --yes');
  }));

test('status says what is installed and what the server says to it', () =>
  withUser(async user => {
    assert.match((await user.run('status')).stdout, /There are no hooks/);
    await user.run('install --yes');
    const { server, installed, events } = (await user.run('status --json')).report();
    assert.deepEqual([server, installed], ['accepted', true]);
    assert.ok(Array.isArray(events) && events.includes('PermissionRequest') && events.includes('Stop'));
    user.valid.clear();
    assert.equal((await user.run('status --json')).report().server, 'refused');
  }));
