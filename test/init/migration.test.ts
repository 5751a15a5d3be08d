import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FixtureHome } from './fixture.ts';

const codegen = {
  name: 'codegenapi',
  command: 'uv',
  args: ['/path/to/codegen.py/mcp/server.py'],
  env: { CODEGEN_ORG_ID: '323', CODEGEN_API_TOKEN: 'very-secret' },
};
const other = { name: 'other', command: 'other' };
const { name: _name, ...bare } = codegen;

/** The blocks of the earlier systems' documents, where these told their users to put them. */
const home1 = {
  '.cursor/settings.json': JSON.stringify({ 'ai.mcpServers': [other, codegen] }, null, 2),
  '.claude-code.json': JSON.stringify({ mcpServers: [codegen] }, null, 2),
  '.config/claude/mcp_servers.json': JSON.stringify(
    { codez: { type: 'http', url: 'http://127.0.0.1:4097/mcp' } },
    null,
    2,
  ),
  '.gemini/settings.json': JSON.stringify({ theme: 'Default', mcpServers: { codegenapi: bare } }, null, 2),
};

describe('boxswain init --migrate', () => {
  it('puts Boxswain in the place of earlier servers, in the files that clients read, and is undone byte for byte', async () => {
    await using home = await FixtureHome.make(home1);
    const { stdout, stderr } = await home.init('--migrate --yes');
    const read = async (name: string) => JSON.parse(await home.read(name));
    assert.deepEqual(await read('.cursor/settings.json'), { 'ai.mcpServers': [other] });
    assert.deepEqual(await read('.claude-code.json'), { mcpServers: [] });
    assert.deepEqual(await read('.config/claude/mcp_servers.json'), {});
    for (const file of ['.cursor/mcp.json', '.claude.json', '.gemini/settings.json'])
      assert.deepEqual(Object.keys((await read(file)).mcpServers), ['boxswain'], file);
    assert.match(
      stdout,
      /boxswain config set api_token - < FILE; boxswain config set org_id NUMBER|boxswain config set org_id NUMBER; boxswain config set api_token/,
    );
    assert.doesNotMatch(stdout + stderr, /very-secret/);
    await home.init('--remove --yes');
    assert.deepEqual(await home.all(), home1);
  });

  it('moves nothing unless asked, and says what there is', async () => {
    await using home = await FixtureHome.make(home1);
    const { stdout } = await home.init('--yes');
    assert.match(
      stdout,
      /~\/\.cursor\/settings\.json names codegenapi of an earlier system; --migrate puts boxswain in its place/,
    );
    for (const file of ['.cursor/settings.json'] as const) assert.equal(await home.read(file), home1[file]);
    assert.match(await home.read('.gemini/settings.json'), /codegenapi/);
    const { outcomes } = await home.init('--migrate --yes --json --client gemini-cli');
    assert.deepEqual(outcomes(), { 'gemini-cli': 'updated' });
    assert.doesNotMatch(await home.read('.gemini/settings.json'), /codegenapi/);
    await home.init('--remove --yes --client gemini-cli');
    assert.equal(await home.read('.gemini/settings.json'), home1['.gemini/settings.json']);
  });

  it('says so where an earlier entry led to another machine', async () => {
    const file = '.config/claude/mcp_servers.json';
    await using home = await FixtureHome.make({
      [file]: '{"codez":{"type":"http","url":"https://code.example.org/mcp"}}',
    });
    const { stdout } = await home.init('--migrate --yes');
    assert.match(stdout, /codez led to code\.example\.org: add --url/);
    assert.equal(await home.read(file), '{}');
  });
});
