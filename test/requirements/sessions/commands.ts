import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as happened } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { allOperations } from '../../../src/operations/registry.ts';
import { cleanEnvironment, mainFile, runCli } from '../../support/server.ts';
import { tools } from './arguments.ts';
import type { Grounds } from './grounds.ts';
import { type SessionVerifier, typed } from './verify.ts';

export function declareCommands({ once }: SessionVerifier, grounds: () => Grounds): void {
  once('cli.verbs', async ({ directory }) => {
    const cwd = join(grounds().projects, 'shop');
    const verbs = new Set<string>();
    const run = async (words: readonly string[], by: typeof typed) => {
      verbs.add(words[0] === 'sessions' ? `sessions ${words[1]}` : `${words[0]}`);
      const { code, stdout, stderr } = await by([...words, '--json', '--directory', directory]);
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      return Object(JSON.parse(stdout));
    };
    const verb = (...words: string[]) => run(['sessions', ...words], typed);
    // The first one as a program of its own.
    const begin = (...words: string[]) => run(['sessions', ...words], runCli);
    const [{ sessionId: id, cursor }, ...figures] = await Promise.all([
      begin('create', '--agent', 'scripted', '--cwd', cwd, '--title', 'By hand'),
      ...['state', 'usage', 'agents', 'health'].map(word => verb(word)),
      run(['health'], typed),
    ]);
    const [state, usage, agents, { subsystems }, health] = figures;
    assert.ok(subsystems.length > 0);
    const changed = await verb('set-state', '--patch', '{"preferences":{"by":"hand"}}');
    assert.deepEqual([changed.preferences.by, changed.version > state.version], ['hand', true]);
    assert.deepEqual([typeof state.version, typeof usage.totalSessions, health.ok], ['number', 'number', true]);
    assert.ok(agents.agents.length > 0);
    assert.equal((await verb('send', id, '--text', '#say one')).via, 'resume');
    assert.equal((await verb('wait', id, '--text', '#say two')).timedOut, false);
    const [shown, told, renamed] = await Promise.all([
      verb('show', id),
      verb('events', '--session-id', id, '--after', cursor, '--timeout-ms', '0'),
      verb('rename', id, '--title', 'Renamed'),
    ]);
    assert.deepEqual([shown.session.id, told.events.length > 0, renamed.title], [id, true, 'Renamed']);
    const asked = await verb('wait', id, '--text', '#ask Write {}');
    const request = asked.pendingPermissions[0].requestId;
    const [listed, waiting, found, { projects }] = await Promise.all([
      verb('list', '--query', 'Renamed'),
      verb('permissions', '--session-id', id),
      verb('search', 'two'),
      verb('projects', '--query', 'shop'),
    ]);
    assert.deepEqual([listed.sessions.length, waiting.permissions[0].requestId], [1, request]);
    assert.ok(Array.isArray(found.results));
    const answer = ['--behavior', 'allow', '--updated-input', '{"lines":[1]}'];
    assert.equal((await verb('respond', id, '--request-id', request, ...answer)).behavior, 'allow');
    const [fork, memory] = await Promise.all([verb('fork', id), verb('memory', projects[0].slug)]);
    assert.deepEqual([fork.forkedFrom, memory.files], [id, []]);
    assert.equal(typeof (await verb('abort', id)).aborted, 'boolean');
    assert.equal((await verb('dispose', id)).disposed, true);
    const ofTools = allOperations.flatMap(({ name, cli }) => (name in tools ? [cli.words.join(' ')] : []));
    assert.equal(ofTools.length, Object.keys(tools).length);
    assert.deepEqual(
      ofTools.filter(words => !verbs.has(words)),
      [],
      'tools whose verb was not tried',
    );
  });

  once('cli.follow', async ({ directory }) => {
    const at = ['--json', '--directory', directory];
    const run = async (...words: string[]) => Object(JSON.parse((await typed(['sessions', ...words, ...at])).stdout));
    const cwd = join(grounds().projects, 'shop');
    const { sessionId: id, cursor } = await run('create', '--agent', 'scripted', '--cwd', cwd);
    const words = ['sessions', 'events', '--follow', '--session-id', id, '--after', cursor];
    const child = spawn(process.execPath, [mainFile, ...words, ...at], { env: cleanEnvironment() });
    try {
      await run('send', id, '--text', '#say followed');
      const types: string[] = [];
      let seq = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const event = Object(JSON.parse(line));
        assert.equal(event.seq, seq + 1, 'each event once, a line each');
        seq = event.seq;
        types.push(event.type);
        if (event.type === 'session.idle') break;
      }
      assert.deepEqual([types[0], types.includes('message.part.delta')], ['session.created', true]);
    } finally {
      const ended = happened(child, 'exit');
      child.kill('SIGINT');
      await ended;
    }
    await run('dispose', id);
  });

  once('cli.hooks', async ({ directory }) => {
    const home = join(grounds().projects, '..', 'terminal-user');
    const settings = join(home, '.claude/settings.json');
    await mkdir(join(home, '.claude'), { recursive: true });
    const own = '{\n  "model": "opus"\n}\n';
    await writeFile(settings, own);
    const hooks = async (...words: string[]) => {
      const env = { HOME: home, BOXSWAIN_SESSIONS_HOOKS_TOKEN_FILE: join(home, 'hook-token') };
      return await typed(['sessions', 'hooks', ...words, '--directory', directory], env);
    };
    const unasked = await hooks('install');
    assert.deepEqual([unasked.code, await readFile(settings, 'utf8')], [2, own], 'nobody agreed');
    assert.match(unasked.stderr, /hint: add --yes to agree\n$/);
    const installed = await hooks('install', '--yes', '--json');
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stderr, /"PermissionRequest"/, 'the change is shown');
    const report = Object(JSON.parse(installed.stdout));
    assert.deepEqual([report.installed, report.changed], [true, true]);
    assert.equal(await readFile(report.backup, 'utf8'), own, 'what was there is kept');
    const now = Object(JSON.parse(await readFile(settings, 'utf8')));
    assert.equal(now.model, 'opus');
    assert.match(JSON.stringify(now.hooks.PermissionRequest), /\/api\/hooks\/claude/);
    for (const file of [settings, report.token_file]) assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    const again = Object(JSON.parse((await hooks('install', '--yes', '--json')).stdout));
    assert.equal(again.changed, false);
    const status = Object(JSON.parse((await hooks('status', '--json')).stdout));
    assert.equal(status.installed, true);
    const removed = Object(JSON.parse((await hooks('remove', '--yes', '--json')).stdout));
    assert.deepEqual([removed.removed, removed.revoked], [true, true]);
    assert.equal(await readFile(settings, 'utf8'), own, 'as it was before');
  });
}
