import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { tomlFormat } from './toml-format.ts';

const PATH = ['mcp_servers', 'boxswain'];
const names = fc.constantFrom('model', 'other', 'boxswain', 'a b', 'mcp_servers', 'x.y');
const scalars = fc.constantFrom<unknown>('text', 'with "quotes"', 7, true, ['[mcp_servers.boxswain]', 'b']);
const tables = fc.dictionary(names, fc.oneof(scalars, fc.dictionary(names, scalars, { maxKeys: 3 })), { maxKeys: 4 });
const entries = fc.constantFrom<object>(
  { command: '/usr/bin/node', args: ['/opt/a b.js', 'mcp'] },
  { url: 'https://example.org/mcp', http_headers: { 'X-MCP-Toolsets': 'core' } },
);

/** Comments above tables, as people write them. */
const textOf = (document: object, hasComments: boolean, newline: string): string => {
  const text = stringify(document);
  const commented = hasComments ? text.replaceAll(/^(\[.*\])$/gm, '# about the next\n$1 # aside') : text;
  return commented.replaceAll('\n', newline);
};

test('a table set and removed again leaves all others, and every comment, as they were', () => {
  fc.assert(
    fc.property(
      tables,
      entries,
      entries,
      fc.boolean(),
      fc.constantFrom('\n', '\r\n'),
      (document, first, second, hasComments, newline) => {
        const text = textOf(document, hasComments, newline);
        const servers: unknown = parse(text).mcp_servers;
        if (
          servers !== undefined &&
          (typeof servers !== 'object' || servers === null || 'boxswain' in servers || Array.isArray(servers))
        )
          return;
        const withFirst = tomlFormat.set(text, PATH, first);
        assert.ok(withFirst.startsWith(text));
        const withSecond = tomlFormat.set(withFirst, PATH, second);
        assert.deepEqual(JSON.parse(JSON.stringify(parse(withSecond))).mcp_servers.boxswain, second);
        assert.equal(tomlFormat.set(withSecond, PATH, first), withFirst);
        const removed = tomlFormat.remove(withSecond, PATH);
        assert.equal(removed.trimEnd(), text.trimEnd());
      },
    ),
  );
});

test('a table in the midst of others is replaced where it stands, and what belongs to the next stays with it', () => {
  const text =
    '[mcp_servers."boxswain"] # mine\ncommand = "old"\n[mcp_servers.boxswain.env]\nA = "1"\n\n# about b\n[b]\nc = 1\n';
  const changed = tomlFormat.set(text, PATH, { command: 'new' });
  assert.equal(changed, '[mcp_servers.boxswain]\ncommand = "new"\n\n# about b\n[b]\nc = 1\n');
  assert.equal(tomlFormat.remove(changed, PATH), '\n# about b\n[b]\nc = 1\n');
});
