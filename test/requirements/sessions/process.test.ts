import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { claudeSlug } from '../../../src/worker/history/identity.ts';
import { claudeLines } from '../../../src/worker/history/transcripts-for-tests.ts';
import { sessionServer } from '../../support/session-server.ts';
import { listOf, textsOf, until } from './tools.ts';
import type { Grounds } from './grounds.ts';
import { operationsCaller, type SessionVerifier, typed, verifications } from './verify.ts';

/** Keys with a default, and those that say nothing until they are set. */
const KEYS = {
  'sessions.agents': '{}',
  'sessions.default_agent': 'claude',
  'sessions.max_live': '10',
  'sessions.park_after_seconds': '600',
  'sessions.permission_timeout_seconds': '3600',
  'sessions.allow_bypass_permissions': 'false',
  'sessions.hooks.hold_seconds': '600',
  'http.port': '4097',
  'http.host': '127.0.0.1',
  'http.allowed_hosts': '[]',
  'http.allowed_origins': '[]',
  'auth.required': 'false',
};
const SILENT = {
  'sessions.roots': '/srv',
  'sessions.hooks.token_file': '/srv/token',
  'history.paths.claude': '/srv/claude',
  'history.paths.codex': '/srv/codex',
  'history.paths.gemini': '/srv/gemini',
  'history.paths.opencode': '/srv/opencode',
  'history.retention_days': '90',
  'http.public_url': 'https://boxes.example',
  'auth.issuer': 'https://issuer.example',
  'auth.audience': 'https://boxes.example/mcp',
};
const shownSchema = z.object({ values: z.record(z.string(), z.string()) });

/** What is in force for a command that has this in its environment. */
async function inForce(env: Record<string, string>): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await typed(['config', 'show', '--json'], { BOXSWAIN_SESSIONS_ROOTS: '', ...env });
  assert.equal(code, 0, stderr);
  return shownSchema.parse(JSON.parse(stdout)).values;
}

function declare({ once }: SessionVerifier, grounds: () => Grounds): void {
  once('environment.earlier', async ({ url }) => {
    for (const prefix of ['CODEZ_', 'CODEZERO_']) {
      const names = { PORT: '4100', HOST: '::1', MCP_URL: 'https://boxes.example/mcp', URL: 'http://127.0.0.1:4101' };
      const given = { ...names, MCP_PORT: '4102', MCP_HOST: '127.0.0.3', HUB_URL: 'https://hub.example' };
      const env = Object.fromEntries(Object.entries(given).map(([name, value]) => [`${prefix}${name}`, value]));
      const values = await inForce({ ...env, BOXSWAIN_HUB_URL: 'https://own.example' });
      const keys = ['http.port', 'http.host', 'http.public_url', 'client.url', 'worker.hub'];
      const expected = ['4100', '::1', 'https://boxes.example/mcp', 'http://127.0.0.1:4101', 'https://own.example'];
      assert.deepEqual(
        keys.map(key => values[key]),
        expected,
        prefix,
      );
      const { [`${prefix}PORT`]: _port, [`${prefix}HOST`]: _host, ...others } = env;
      const folder = join(grounds().projects, '..', `${prefix}folder`);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'config.json'), JSON.stringify({ sessions: { max_live: 3 } }));
      const secret = { [`${prefix}HUB_TOKEN`]: 'a token of its own', [`${prefix}CONFIG_DIR`]: folder };
      const rest = await inForce({ ...others, ...secret });
      assert.deepEqual([rest['http.port'], rest['http.host']], ['4102', '127.0.0.3'], 'where PORT and HOST are unset');
      assert.deepEqual([rest['worker.hub'], rest['sessions.max_live']], ['https://hub.example', '3']);
      assert.ok(rest['worker.token'] !== undefined && !rest['worker.token'].includes('a token of its own'));
    }
    const { ok } = operationsCaller(url);
    const { sessionId } = await ok('create_session', { cwd: join(grounds().projects, 'shop') });
    const shown = await typed(['sessions', 'show', String(sessionId), '--json'], { CODEZ_URL: url });
    assert.equal(Object(JSON.parse(shown.stdout)).session?.id, sessionId, 'the hub that the command talks to');
    await ok('dispose_session', { session_id: sessionId });
  });

  once('environment.claude', async () => {
    const lines = claudeLines({ cwd: '/x/elsewhere' });
    lines.user('Godwit in another folder');
    const folder = join(grounds().projects, '..', 'claude-config');
    await mkdir(join(folder, 'projects', claudeSlug('/x/elsewhere')), { recursive: true });
    await writeFile(join(folder, 'projects', claudeSlug('/x/elsewhere'), `${lines.sessionId}.jsonl`), lines.text());
    await using server = await sessionServer({ env: { CLAUDE_CONFIG_DIR: folder } });
    const found = await until(
      { ok: server.ask },
      { tool: 'search_sessions', args: { query: 'godwit' }, isIt: output => listOf(output.results).length === 1 },
    );
    assert.equal(Object(listOf(found.results)[0]).sessionId, lines.sessionId);
  });

  once('configuration.keys', async () => {
    const usual = await inForce({});
    for (const [key, value] of Object.entries(KEYS)) assert.equal(usual[key], value, key);
    const variable = (key: string) => `BOXSWAIN_${key.toUpperCase().replaceAll('.', '_')}`;
    const env = Object.fromEntries(Object.entries(SILENT).map(([key, value]) => [variable(key), value]));
    const values = await inForce(env);
    for (const [key, value] of Object.entries(SILENT)) {
      assert.equal(usual[key], undefined, key);
      assert.ok([value, JSON.stringify([value])].includes(values[key] ?? ''), `${key}: ${values[key]}`);
    }
  });

  once('configuration.sessions', async ({ url }) => {
    const { ok } = operationsCaller(url);
    const cwd = join(grounds().projects, 'shop');
    const made = await ok('create_session', { cwd, permission_mode: 'bypassPermissions' });
    assert.equal(made.agent, 'scripted', 'sessions.default_agent');
    const write = `#tool Write ${JSON.stringify({ file_path: 'leave', content: 'x' })}\n#result`;
    const bypassed = await ok('send_and_wait', { session_id: made.sessionId, text: write });
    assert.equal(bypassed.waitingPermission, false, 'sessions.allow_bypass_permissions');
    const asking = await ok('create_session', { cwd });
    const { sessionId: session_id } = asking;
    await ok('send_prompt', { session_id, text: write });
    await until(
      { ok },
      {
        tool: 'get_session',
        args: { session_id },
        isIt: output => textsOf(output.messages).includes('nobody answered in time, so it was denied'),
      },
    );
    for (const id of [made.sessionId, session_id]) await ok('dispose_session', { session_id: id });
  });
}

verifications('process of sessions', declare, {
  env: {
    BOXSWAIN_SESSIONS_DEFAULT_AGENT: 'scripted',
    BOXSWAIN_SESSIONS_ALLOW_BYPASS_PERMISSIONS: 'true',
    BOXSWAIN_SESSIONS_PERMISSION_TIMEOUT_SECONDS: '1',
  },
});
