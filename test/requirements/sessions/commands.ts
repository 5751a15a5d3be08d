import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runCli } from '../../support/server.ts';
import type { Grounds, SessionVerifier } from './verify.ts';

export function declareCommands({ once }: SessionVerifier, grounds: () => Grounds): void {
  once('cli.verbs', async ({ directory }) => {
    const cwd = join(grounds().projects, 'shop');
    const run = async (...words: string[]) => {
      const { code, stdout, stderr } = await runCli([...words, '--json', '--directory', directory]);
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      return Object(JSON.parse(stdout));
    };
    const verb = (...words: string[]) => run('sessions', ...words);
    const { sessionId: id, cursor } = await verb('create', '--agent', 'scripted', '--cwd', cwd, '--title', 'By hand');
    assert.equal((await verb('send', id, '--text', '#say one')).via, 'resume');
    assert.equal((await verb('wait', id, '--text', '#say two')).timedOut, false);
    assert.equal((await verb('show', id)).session.id, id);
    assert.ok((await verb('events', '--session-id', id, '--after', cursor, '--timeout-ms', '0')).events.length > 0);
    assert.equal((await verb('rename', id, '--title', 'Renamed')).title, 'Renamed');
    assert.equal((await verb('list', '--query', 'Renamed')).sessions.length, 1);
    const asked = await verb('wait', id, '--text', '#ask Write {}');
    const request = asked.pendingPermissions[0].requestId;
    assert.equal((await verb('permissions', '--session-id', id)).permissions[0].requestId, request);
    assert.equal((await verb('respond', id, '--request-id', request, '--behavior', 'deny')).behavior, 'deny');
    assert.equal(typeof (await verb('abort', id)).aborted, 'boolean');
    const fork = await verb('fork', id);
    assert.equal(fork.forkedFrom, id);
    assert.equal((await verb('dispose', id)).disposed, true);
    const [project] = (await verb('projects', '--query', 'shop')).projects;
    assert.deepEqual((await verb('memory', project.slug)).files, []);
    assert.ok(Array.isArray((await verb('search', 'two')).results));
    assert.equal(typeof (await verb('state')).version, 'number');
    assert.equal(typeof (await verb('usage')).totalSessions, 'number');
    assert.ok((await verb('agents')).agents.length > 0);
    assert.equal((await run('health')).ok, true);
  });
}
