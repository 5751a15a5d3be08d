import assert from 'node:assert/strict';
import { lstat, mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { replaceFile } from '../../src/cli/init/files.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { FixtureHome } from './fixture.ts';

const CURSOR = '.cursor/mcp.json';

describe('boxswain init', () => {
  it('shows the change, asks once, and changes nothing when the answer is no', async () => {
    const before = { [CURSOR]: '{\n  "mcpServers": {}\n}\n', '.codex/config.toml': 'model = "gpt"\n' };
    await using home = await FixtureHome.make(before);
    const { stderr, stdout } = await home.init('', { typed: 'n' });
    assert.match(stderr, /^\+ {6}"command": "\/usr\/bin\/node",$/m);
    assert.match(stderr, /^\+\[mcp_servers.boxswain\]$/m);
    assert.equal(stderr.match(/Change it\?/g)?.length, 1);
    assert.match(stdout, /Nothing was changed/);
    assert.deepEqual(await home.all(), before);
    const agreed = await home.init('', { typed: 'y' });
    assert.match(
      agreed.stdout,
      /Cursor: added to ~\/\.cursor\/mcp\.json \(before: ~\/\.cursor\/mcp\.json\.before-boxswain\)/,
    );
    assert.notDeepEqual(await home.all(), before);
  });

  it('does not ask where nobody can answer', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '{}' });
    await assert.rejects(home.init('', { isInteractive: false }), /nobody can be asked here/);
    assert.deepEqual(await home.all(), { [CURSOR]: '{}' });
    await home.init('--yes', { isInteractive: false });
    assert.match(await home.read(CURSOR), /boxswain/);
    // Nothing to change is nothing to ask about.
    await home.init('', { isInteractive: false });
  });

  it('shows what it would do, and does not, with --dry-run and --print', async () => {
    const before = { [CURSOR]: '{}\n' };
    await using home = await FixtureHome.make(before);
    assert.match((await home.init('--dry-run')).stdout, /^\+.*"boxswain"/m);
    const { report } = await home.init('--dry-run --json');
    assert.equal(report().changed, false);
    assert.match(String(report().files[0]?.diff), /^\+\+\+ ~\/\.cursor\/mcp\.json$/m);
    const { stdout } = await home.init('--print --client codex --client zed');
    assert.match(stdout, /Codex: ~\/\.codex\/config\.toml\n\[mcp_servers\.boxswain\]\n/);
    assert.match(stdout, /"context_servers"/);
    assert.deepEqual(await home.all(), before);
  });

  it('finds clients by their programs too, and says how to name one when there is none', async () => {
    await using home = await FixtureHome.make();
    await assert.rejects(home.init('--yes'), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.match(error.hint, /--client: claude-code, claude-desktop/);
      return true;
    });
    await home.write('bin/codex', '#!/bin/sh\n', 0o755);
    home.env = { PATH: `/nowhere:${home.at('bin')}` };
    assert.deepEqual((await home.init('--yes --json')).outcomes(), { codex: 'added' });
    await assert.rejects(home.init('--client emacs'), /there is no client emacs/);
  });

  it('follows the folders that variables and platforms give', async () => {
    await using home = await FixtureHome.make();
    const fileOf = async (client: string) =>
      (await home.init(`--json --print --client ${client}`)).stdout
        .match(/"file":"([^"]+)"/)?.[1]
        ?.slice(home.path.length + 1);
    home.env = {
      ...{ CLAUDE_CONFIG_DIR: home.at('claude'), CODEX_HOME: home.at('codex'), COPILOT_HOME: home.at('copilot') },
      ...{ XDG_CONFIG_HOME: home.at('xdg'), APPDATA: home.at('appdata') },
    };
    assert.equal(await fileOf('claude-code'), 'claude/.claude.json');
    assert.equal(await fileOf('codex'), 'codex/config.toml');
    assert.equal(await fileOf('copilot-cli'), 'copilot/mcp-config.json');
    for (const [platform, desktop, code, zed, opencode] of [
      ['linux', 'xdg', 'xdg', 'xdg/zed', 'xdg/opencode'],
      ['darwin', 'Library/Application Support', 'Library/Application Support', 'xdg/zed', 'xdg/opencode'],
      ['win32', 'appdata', 'appdata', 'appdata/Zed', 'xdg/opencode'],
    ] as const) {
      home.platform = platform;
      assert.equal(await fileOf('claude-desktop'), `${desktop}/Claude/claude_desktop_config.json`);
      assert.equal(await fileOf('vs-code'), `${code}/Code/User/mcp.json`);
      assert.equal(await fileOf('zed'), `${zed}/settings.json`);
      assert.equal(await fileOf('opencode'), `${opencode}/opencode.json`);
    }
    home.platform = 'linux';
    await mkdir(home.at('xdg/VSCodium/User'), { recursive: true });
    assert.equal(await fileOf('vs-code'), 'xdg/VSCodium/User/mcp.json');
  });

  it('leaves a broken file as it is, says why, and sets up the others', async () => {
    for (const [text, reason] of [
      ['{"mcpServers": {', /not valid JSON: .* in line 1/],
      ['[]', /the file holds something else/],
      ['{"mcpServers": []}', /"mcpServers" holds something else/],
      ['{"mcpServers": null}', /"mcpServers" holds something else/],
    ] as const) {
      await using home = await FixtureHome.make({ [CURSOR]: text, '.codex/config.toml': 'model = "gpt"\n' });
      const { stderr, exitCode } = await home.init('--yes');
      assert.match(stderr, reason);
      assert.match(stderr, /hint: .*not changed/);
      assert.equal(exitCode, 2);
      assert.equal(await home.read(CURSOR), text);
      assert.match(await home.read('.codex/config.toml'), /boxswain/);
    }
    await using home = await FixtureHome.make({ '.codex/config.toml': 'model = \n' });
    assert.match((await home.init('--yes')).stderr, /not valid TOML in line 1/);
  });

  it('leaves TOML alone that it cannot change table by table', async () => {
    for (const text of [
      'mcp_servers = { other = { command = "other" } }\n',
      'mcp_servers.boxswain.command = "other"\n',
      '[mcp_servers]\nboxswain = { command = "other" }\n',
    ]) {
      await using home = await FixtureHome.make({ '.codex/config.toml': text });
      assert.match((await home.init('--yes')).stderr, /cannot be changed safely/);
      assert.deepEqual(await home.all(), { '.codex/config.toml': text });
    }
  });

  it('writes through links, keeps them, and refuses those that lead nowhere', async () => {
    await using home = await FixtureHome.make({ 'dotfiles/cursor.json': '{}\n' });
    await mkdir(home.at('.cursor'));
    await symlink('../dotfiles/cursor.json', home.at(CURSOR));
    await home.init('--yes');
    assert.ok((await lstat(home.at(CURSOR))).isSymbolicLink());
    assert.match(await home.read('dotfiles/cursor.json'), /boxswain/);
    await home.init('--remove --yes');
    assert.equal(await readlink(home.at(CURSOR)), '../dotfiles/cursor.json');
    assert.deepEqual(await home.read('dotfiles/cursor.json'), '{}\n');
    await mkdir(home.at('.codex'));
    await symlink('/nowhere/config.toml', home.at('.codex/config.toml'));
    assert.match((await home.init('--yes --client codex')).stderr, /a link to a file that is not there/);
    assert.ok((await lstat(home.at('.codex/config.toml'))).isSymbolicLink());
  });

  it('refuses what is a folder, or no text', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '{}' });
    await mkdir(home.at('.codex/config.toml'), { recursive: true });
    const { stderr, outcomes } = await home.init('--yes --json');
    assert.equal(stderr, '');
    assert.deepEqual(outcomes(), { cursor: 'added', codex: 'failed' });
    await using latin = await FixtureHome.make();
    await latin.write(CURSOR, '');
    await writeFile(latin.at(CURSOR), Buffer.from('{"a":"\xe9"}', 'latin1'));
    assert.match((await latin.init('--yes')).stderr, /cannot be read or written: not UTF-8/);
  });

  it('restores an empty file as an empty file', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '' });
    await home.init('--yes');
    assert.match(await home.read(CURSOR), /boxswain/);
    await home.init('--remove --yes');
    assert.deepEqual(await home.all(), { [CURSOR]: '' });
  });

  it('takes its place from an entry of its name, keeps a copy of that, and does not bring it back', async () => {
    const own = '{"mcpServers":{"boxswain":{"url":"http://127.0.0.1:4097/mcp"}}}';
    await using home = await FixtureHome.make({ [CURSOR]: own });
    assert.deepEqual((await home.init('--yes --json')).outcomes(), { cursor: 'updated' });
    assert.match(await home.read(CURSOR), /"command"/);
    assert.deepEqual((await home.init('--remove --yes --json')).outcomes(), { cursor: 'cut out' });
    assert.deepEqual(await home.all(), { [CURSOR]: '{"mcpServers":{}}', [`${CURSOR}.before-boxswain`]: own });
  });

  it('never takes a secret, wherever one is put, and hides those that stand nearby', async () => {
    const text =
      '{\n  "mcpServers": {\n    "other": {\n      "env": {\n        "API_TOKEN": "very-secret"\n      }\n    }\n  }\n}\n';
    await using home = await FixtureHome.make({ [CURSOR]: text });
    for (const words of [
      '--url https://user:word@example.org/mcp',
      '--url https://example.org/mcp?token=abc',
      '--url https://example.org/mcp#abc',
      '--url https://example.org/bxs_abcdefgh/mcp',
      '--url https://example.org/mcp --token-env bxs_abcdefgh',
    ]) {
      await assert.rejects(home.init(`--yes ${words}`), { code: 'VALIDATION_ERROR' });
      assert.equal(await home.read(CURSOR), text);
    }
    await assert.rejects(home.init('--url file:///etc'), /takes an http or https address/);
    await assert.rejects(home.init('--token-env TOKEN'), /needs --url/);
    await assert.rejects(home.init('--toolsets nonsense'), /there is no toolset nonsense/);
    const { stdout, stderr } = await home.init('--dry-run');
    assert.doesNotMatch(stdout + stderr, /very-secret/);
    assert.match(stdout, /API_TOKEN/);
  });

  it('warns of an address that others can listen to, and completes one without a path', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '{}' });
    const { stderr } = await home.init('--yes --url http://box.example.org');
    assert.match(stderr, /can be read on the way/);
    assert.match(await home.read(CURSOR), /"http:\/\/box\.example\.org\/mcp"/);
    assert.doesNotMatch((await home.init('--yes --url http://127.0.0.1:4097/mcp')).stderr, /on the way/);
  });

  it('starts what npx brought by npx again, on Windows by its shell', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '{}' });
    const script = '/home/somebody/.npm/_npx/0a1b/node_modules/.bin/boxswain';
    for (const [platform, expected] of [
      ['linux', { command: 'npx', args: ['-y', 'boxswain', 'mcp'] }],
      ['win32', { command: 'cmd', args: ['/c', 'npx', '-y', 'boxswain', 'mcp'] }],
    ] as const) {
      await home.init('--yes', { launcher: { platform, program: '/usr/bin/node', script } });
      assert.deepEqual(JSON.parse(await home.read(CURSOR)).mcpServers.boxswain, expected);
    }
  });

  it('uses the form of OpenCode 2 where the file has it', async () => {
    await using home = await FixtureHome.make({
      '.config/opencode/opencode.json': '{"mcp":{"servers":{"other":{"type":"local","command":["other"]}}}}',
    });
    await home.init('--yes');
    const { mcp } = JSON.parse(await home.read('.config/opencode/opencode.json'));
    assert.deepEqual(Object.keys(mcp.servers), ['other', 'boxswain']);
  });

  it('does not write over what changed between the question and the answer', async () => {
    await using home = await FixtureHome.make({ [CURSOR]: '{}' });
    await assert.rejects(
      replaceFile(home.at(CURSOR), { before: '{ }', after: '{"a":1}', backup: 'write' }),
      /was changed meanwhile/,
    );
    assert.deepEqual(await home.all(), { [CURSOR]: '{}' });
  });
});
