import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse as parseJson } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import type { ClientName } from '../../src/cli/init/client.ts';
import { FixtureHome, LAUNCHER } from './fixture.ts';

interface Fixture {
  /** What the client's user has, and where. */
  readonly file: string;
  readonly text: string;
  readonly place: string;
  readonly process: object;
  readonly address: object;
  /** Undefined: it takes no token from a variable. */
  readonly authorized?: object;
}

const { program: command } = LAUNCHER;
const args = [LAUNCHER.script, 'mcp', '--toolsets', 'core'];
const url = 'https://boxswain.example.org/mcp';
const selection = { 'X-MCP-Toolsets': 'core' };
const headers = { headers: selection };
const bearer = (reference: string) => ({ headers: { ...selection, Authorization: `Bearer ${reference}` } });

const fixtures: Readonly<Record<ClientName, Fixture>> = {
  'claude-code': {
    file: '.claude.json',
    text: '{\n  "numStartups": 12,\n  "mcpServers": {\n    "other": {\n      "type": "http",\n      "url": "https://example.org/mcp"\n    }\n  },\n  "projects": {}\n}',
    place: 'mcpServers',
    process: { type: 'stdio', command, args, env: {} },
    address: { type: 'http', url, ...headers },
    authorized: { type: 'http', url, ...bearer(`\${BOXSWAIN_TOKEN}`) },
  },
  'claude-desktop': {
    file: '.config/Claude/claude_desktop_config.json',
    text: '{\r\n\t"globalShortcut": "",\r\n\t"mcpServers": {}\r\n}\r\n',
    place: 'mcpServers',
    process: { command, args },
    address: { command: 'npx', args: ['-y', 'mcp-remote', url, '--header', 'X-MCP-Toolsets:core'] },
  },
  cursor: {
    file: '.cursor/mcp.json',
    text: '{"mcpServers":{"other":{"command":"other"}}}',
    place: 'mcpServers',
    process: { command, args },
    address: { url, ...headers },
    authorized: { url, ...bearer(`\${env:BOXSWAIN_TOKEN}`) },
  },
  'vs-code': {
    file: '.config/Code/User/mcp.json',
    text: '// mine\n{\n\t"inputs": [], // none yet\n\t"servers": {\n\t\t// the first\n\t\t"other": { "command": "other" }, // said here\n\t},\n}\n',
    place: 'servers',
    process: { type: 'stdio', command, args },
    address: { type: 'http', url, ...headers },
    authorized: { type: 'http', url, ...bearer(`\${env:BOXSWAIN_TOKEN}`) },
  },
  'copilot-cli': {
    file: '.copilot/mcp-config.json',
    text: '{\n    "mcpServers": {}\n}\n',
    place: 'mcpServers',
    process: { type: 'local', command, args, env: {}, tools: ['*'] },
    address: { type: 'http', url, ...headers, tools: ['*'] },
  },
  codex: {
    file: '.codex/config.toml',
    text: '# mine\nmodel = "gpt" # this one\n\n[mcp_servers.other]\ncommand = "other"\n\n# trust\n[projects."/srv"]\ntrust_level = "trusted"\n',
    place: 'mcp_servers',
    process: { command, args },
    address: { url, http_headers: selection },
    authorized: { url, bearer_token_env_var: 'BOXSWAIN_TOKEN', http_headers: selection },
  },
  'gemini-cli': {
    file: '.gemini/settings.json',
    text: '{\n  "theme": "Default",\n  "security": { "auth": { "selectedType": "gemini-api-key" } }\n}\n',
    place: 'mcpServers',
    process: { command, args },
    address: { httpUrl: url, ...headers },
    authorized: { httpUrl: url, ...bearer(`\${BOXSWAIN_TOKEN}`) },
  },
  opencode: {
    file: '.config/opencode/opencode.jsonc',
    text: '{\n  "$schema": "https://opencode.ai/config.json",\n  /* servers */\n  "mcp": {\n    "other": { "type": "local", "command": ["other"] } // kept\n  }\n}\n',
    place: 'mcp',
    process: { type: 'local', command: [command, ...args] },
    address: { type: 'remote', url, ...headers },
    authorized: { type: 'remote', url, ...bearer('{env:BOXSWAIN_TOKEN}') },
  },
  zed: {
    file: '.config/zed/settings.json',
    text: '// Zed settings\n//\n// see the documentation\n{\n  "theme": {\n    "mode": "system", // as the desktop has it\n  },\n}\n',
    place: 'context_servers',
    process: { source: 'custom', command, args, env: {} },
    address: { source: 'custom', url, ...headers },
  },
};

function entryIn(file: string, text: string, place: string): unknown {
  const document: unknown = JSON.parse(JSON.stringify(file.endsWith('.toml') ? parseToml(text) : parseJson(text)));
  return [place, 'boxswain'].reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([name]) => name === key)?.[1]
        : undefined,
    document,
  );
}

/** What was there is still there, in its order: comments too. */
function assertKept(before: string, after: string): void {
  let at = -1;
  for (const character of before.replaceAll(/\s/g, '')) {
    at = after.indexOf(character, at + 1);
    assert.ok(at >= 0, `something is gone from\n${after}`);
  }
}

for (const [name, fixture] of Object.entries(fixtures))
  describe(`boxswain init for ${name}`, () => {
    const { file, text, place } = fixture;

    it('writes the right entry into the right file, keeps all else, and is idempotent', async () => {
      await using home = await FixtureHome.make();
      await home.write(file, text, 0o640);
      const { outcomes } = await home.init('--yes --json --toolsets core');
      assert.deepEqual(outcomes(), { [name]: 'added' });
      const first = await home.all();
      assert.deepEqual(Object.keys(first), [file, `${file}.before-boxswain`]);
      assert.deepEqual(entryIn(file, first[file] ?? '', place), fixture.process);
      assertKept(text, first[file] ?? '');
      assert.equal(first[`${file}.before-boxswain`], text);
      assert.deepEqual([await home.modeOf(file), await home.modeOf(`${file}.before-boxswain`)], [0o640, 0o640]);
      assert.deepEqual((await home.init('--yes --json --toolsets core')).outcomes(), { [name]: 'unchanged' });
      assert.deepEqual(await home.all(), first);
    });

    it('is undone byte for byte, also after it was brought up to date', async () => {
      await using home = await FixtureHome.make({ [file]: text });
      await home.init('--yes');
      await home.init(`--yes --url ${url} --toolsets core`);
      assert.deepEqual(entryIn(file, await home.read(file), place), fixture.address);
      assert.deepEqual((await home.init('--remove --yes --json')).outcomes(), { [name]: 'restored' });
      assert.deepEqual(await home.all(), { [file]: text });
    });

    it('takes out only its entry where the file was changed since', async () => {
      await using home = await FixtureHome.make({ [file]: text });
      await home.init('--yes');
      const changed = `${await home.read(file)}\n`;
      await home.write(file, changed);
      const { stdout } = await home.init('--remove --yes');
      assert.match(stdout, /not as it was left, so only the entry was taken out/);
      const left = await home.read(file);
      assert.equal(entryIn(file, left, place), undefined);
      assertKept(text, left);
    });

    it('makes a file where there is none, readable for its owner alone, and removes it again', async () => {
      await using home = await FixtureHome.make();
      await home.init(`--client ${name} --yes --toolsets core`);
      const [made = ''] = Object.keys(await home.all());
      assert.deepEqual(entryIn(made, await home.read(made), place), fixture.process);
      assert.equal(await home.modeOf(made), 0o600);
      await home.init(`--client ${name} --remove --yes`);
      assert.deepEqual(await home.all(), {});
    });

    it('names a variable for a token, or refuses to write one', async () => {
      await using home = await FixtureHome.make({ [file]: text });
      const words = `--yes --json --toolsets core --url ${url} --token-env BOXSWAIN_TOKEN`;
      const { outcomes, exitCode } = await home.init(words);
      if (fixture.authorized === undefined) {
        assert.deepEqual([outcomes(), exitCode], [{ [name]: 'failed' }, 1]);
        assert.deepEqual(await home.all(), { [file]: text });
      } else assert.deepEqual(entryIn(file, await home.read(file), place), fixture.authorized);
    });
  });
