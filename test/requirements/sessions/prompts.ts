import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { freshProject, listOf, sessionSchema, textsOf, until } from './tools.ts';
import type { SessionVerifier } from './verify.ts';

const uploadSchema = z.object({ fileId: z.string(), path: z.string() });
const write = (path: string) => `#tool Write ${JSON.stringify({ file_path: path, content: 'y' })}`;

export function declarePrompts({ overTwo, overRecords }: SessionVerifier): void {
  overRecords('prompt.attachments', async ({ resting, say, ok, fails, url }) => {
    const session_id = await resting();
    const bytes = randomBytes(3000);
    const form = new FormData();
    form.append('file', new File([bytes], 'shot.png', { type: 'image/png' }));
    const response = await fetch(`${url}/api/sessions/${session_id}/upload`, { method: 'POST', body: form });
    const { fileId, path } = uploadSchema.parse(await response.json());
    assert.deepEqual(await readFile(path), bytes);
    const attachments = Array.from({ length: 10 }, () => ({ fileId }));
    const turn = await say(session_id, '#say seen', { attachments });
    const attached = textsOf(turn.messages).flatMap(text => [...text.matchAll(/\[attached: (.*)\]/g)]);
    assert.equal(attached.length, 10);
    for (const [, at = ''] of attached) assert.deepEqual(await readFile(at), bytes);
    const one = { session_id, text: '#say seen', attachments: [{ fileId }] };
    assert.equal((await ok('send_prompt', one)).ok, true);
    const refused = await fails('send_prompt', { ...one, attachments: [{ fileId: 'up_nothing' }] });
    assert.equal(refused.code, 'FILE_NOT_FOUND');
    assert.match(refused.hint, /upload/);
  });

  overTwo('prompt.resumed', async subject => {
    const { create, say, ok } = subject;
    const cwd = await freshProject(subject);
    const session_id = await create({ cwd, permission_mode: 'acceptEdits', model: 'scripted' });
    await say(session_id, '#say before');
    await ok('dispose_session', { session_id });
    const turn = await say(session_id, `${write('kept.txt')}\n#recall`);
    assert.deepEqual([turn.via, turn.waitingPermission], ['resume', false], 'its mode was kept');
    assert.match(textsOf(turn.messages).at(-1) ?? '', /#say before/);
    const { permissionMode, model } = sessionSchema.parse((await ok('get_session', { session_id })).session);
    assert.deepEqual([permissionMode, model], ['acceptEdits', 'scripted']);
  });

  overTwo('prompt.failed', async subject => {
    const { create, say, ok } = subject;
    const session_id = await create();
    const turn = await say(session_id, '#crash');
    assert.equal(Object(turn.result).outcome, 'failed');
    const { session } = await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: ({ session: now }) => Object(now).status === 'failed',
    });
    assert.match(String(sessionSchema.parse(session).statusReason), /^The agent exited \(/);
    assert.equal((await ok('abort_session', { session_id })).aborted, false);
    const next = await say(session_id, '#say back');
    assert.deepEqual([next.via, next.status, textsOf(next.messages).at(-1)], ['resume', 'idle', 'back']);
  });

  overTwo('tool.create_session.workspace', async ({ create, say, ok, fails }) => {
    const { workspace_id } = await ok('workspace_create', { limits: { allow_soft: true } });
    await ok('fs_write', { workspace_id, path: 'sub/note.txt', content: 'from outside' });
    const args = { agent: 'scripted', workspace_id };
    const made = await ok('create_session', { ...args, cwd: 'sub', permission_mode: 'bypassPermissions' });
    assert.deepEqual([made.workspaceId, made.cwd, made.agent], [workspace_id, '/workspace/sub', 'scripted']);
    const session_id = String(made.sessionId);
    const turn = await say(session_id, `#tool Bash {"command": "cat note.txt; echo made > made.txt"}\n#result`);
    assert.ok(textsOf(turn.messages).includes('from outside'), JSON.stringify(turn.messages));
    assert.equal((await ok('fs_read', { workspace_id, path: 'sub/made.txt' })).content, 'made\n');
    const { session } = await ok('get_session', { session_id });
    assert.equal(sessionSchema.parse(session).workspaceId, workspace_id);
    for (const cwd of ['missing', '../..', '/etc'])
      assert.equal((await fails('create_session', { ...args, cwd })).code, 'INVALID_CWD', cwd);
    const unknown = { ...args, workspace_id: 'ws_aaaaaaaaaaaaaaaaaaaaaaaa' };
    assert.equal((await fails('create_session', unknown)).code, 'WORKSPACE_NOT_FOUND');
    await ok('workspace_delete', { workspace_id });
    const elsewhere = await create();
    assert.equal('workspaceId' in Object((await ok('get_session', { session_id: elsewhere })).session), false);
  });

  overTwo('rule.slugs', async subject => {
    const { ok, fails, create, say } = subject;
    const outside = join(subject.project, '..', 'outside');
    await mkdir(outside, { recursive: true });
    for (const slug of ['../outside', '..', '/etc', '.', '-nowhere/../x']) {
      assert.equal((await fails('get_project_memory', { slug })).code, 'PROJECT_NOT_FOUND', slug);
      assert.deepEqual(listOf((await ok('list_sessions', { slug })).sessions), [], slug);
      const refused = await fails('create_session', { agent: 'scripted', slug });
      assert.equal(refused.code, 'PROJECT_NOT_FOUND', slug);
    }
    const cwd = await freshProject(subject);
    await say(await create({ cwd }), '#say here');
    const { projects } = await until(subject, {
      tool: 'list_projects',
      args: { query: cwd.split('/').at(-1) },
      isIt: output => listOf(output.projects).length > 0,
    });
    const { slug } = Object(listOf(projects)[0]);
    const made = await ok('create_session', { agent: 'scripted', slug });
    assert.equal(made.cwd, cwd, 'a project is where its sessions were');
    await ok('dispose_session', { session_id: made.sessionId });
  });

  overTwo('rule.pages', async subject => {
    const { create, say, ok } = subject;
    const word = `Dunlin${subject.wire.replaceAll(/\W/g, '')}`;
    const cwds = [await freshProject(subject), await freshProject(subject), await freshProject(subject)];
    for (const cwd of cwds) {
      const id = await create({ cwd, title: word });
      await say(id, `#say a ${word}\n${write('asked')}`);
    }
    const pagesOf = async (tool: string, { list, args }: { list: string; args: Record<string, unknown> }) => {
      const pages: unknown[][] = [];
      let cursor: unknown;
      do {
        const page = await ok(tool, { ...args, limit: 2, ...(typeof cursor === 'string' && { cursor }) });
        pages.push(listOf(page[list]));
        cursor = page.nextCursor;
      } while (cursor !== null && pages.length < 9);
      return pages;
    };
    const found = { tool: 'search_sessions', args: { query: word } };
    await until(subject, { ...found, isIt: output => listOf(output.results).length === 3 });
    for (const [tool, list, args] of [
      ['list_sessions', 'sessions', { query: word }],
      ['search_sessions', 'results', { query: word }],
    ] as const) {
      const pages = await pagesOf(tool, { list, args });
      assert.deepEqual(
        pages.map(page => page.length),
        [2, 1],
        tool,
      );
      const ids = pages.flat().map(entry => Object(entry).id ?? Object(entry).sessionId);
      assert.equal(new Set(ids).size, 3, tool);
    }
    // Of others there may be more.
    const projects = await pagesOf('list_projects', { list: 'projects', args: { query: 'place-' } });
    const paths = projects.flat().map(project => Object(project).path);
    assert.deepEqual([projects[0]?.length, new Set(paths).size], [2, paths.length]);
    const permissions = await pagesOf('list_permissions', { list: 'permissions', args: {} });
    const requests = permissions.flat().map(permission => Object(permission).requestId);
    assert.deepEqual([permissions[0]?.length, new Set(requests).size], [2, requests.length]);
    assert.ok(requests.length >= 3);
  });
}
