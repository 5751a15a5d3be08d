import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { serveLocally } from './local-server.ts';
import { zip } from './zip.ts';

/** A package index after PEP 503 on loopback, with packages of its own. */
export interface PackageIndex {
  /** Its root, with a slash at the end. */
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

interface Distribution {
  readonly file: string;
  readonly body: Buffer;
  /** Of what the index promises, which need not be what it sends. */
  readonly sha256: string;
  readonly isYanked?: boolean;
  readonly isMissing?: boolean;
}

interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
}

const module = (name: string, version: string, more = '') => ({
  [`${name}/__init__.py`]: `__version__ = "${version}"\n${more}`,
});

/**
 * Good: `requests`, `flask`, `top-pkg` (needs `leaf-pkg`), `leaf-pkg` 1.0 and 2.0, `big-pkg` (8 MiB). Bad: `mismatch-pkg` (hash
 * differs), `yanked-pkg` 2.0 (1.0 is not), `missing-pkg` (its file is gone), `elsewhere-pkg` (its file is on another host),
 * `source-pkg` (no wheel).
 */
const packages: Readonly<Record<string, readonly Distribution[]>> = {
  requests: [wheel({ name: 'requests', version: '2.99.0', files: module('requests', '2.99.0') })],
  flask: [wheel({ name: 'flask', version: '3.99.0', files: module('flask', '3.99.0') })],
  'top-pkg': [
    wheel({ name: 'top-pkg', version: '2.0', files: { 'top_pkg.py': 'import leaf_pkg\n' }, requires: ['leaf-pkg>=1'] }),
  ],
  'leaf-pkg': ['1.0', '2.0'].map(version => wheel({ name: 'leaf-pkg', version, files: module('leaf_pkg', version) })),
  'big-pkg': [
    wheel({ name: 'big-pkg', version: '1.0', files: module('big_pkg', '1.0', `# ${'x'.repeat(8 << 20)}\n`) }),
  ],
  'mismatch-pkg': [
    {
      ...wheel({ name: 'mismatch-pkg', version: '1.0', files: module('mismatch_pkg', '1.0') }),
      sha256: '0'.repeat(64),
    },
  ],
  'yanked-pkg': [
    wheel({ name: 'yanked-pkg', version: '1.0', files: module('yanked_pkg', '1.0') }),
    { ...wheel({ name: 'yanked-pkg', version: '2.0', files: module('yanked_pkg', '2.0') }), isYanked: true },
  ],
  'missing-pkg': [
    { ...wheel({ name: 'missing-pkg', version: '1.0', files: module('missing_pkg', '1.0') }), isMissing: true },
  ],
  'elsewhere-pkg': [wheel({ name: 'elsewhere-pkg', version: '1.0', files: module('elsewhere_pkg', '1.0') })],
  'source-pkg': [sourcePackage()],
};

export async function startPackageIndex(): Promise<PackageIndex> {
  const asked: string[] = [];
  const server = await serveLocally(({ url = '' }, reply) => {
    asked.push(url);
    const [, name = '', file = ''] = url.split('/');
    const distributions = packages[name] ?? [];
    const found = distributions.find(each => each.file === file);
    if (distributions.length > 0 && file === '') {
      reply.setHeader('content-type', 'text/html').end(page(name, distributions));
    } else if (found !== undefined && !found.isMissing) {
      reply.setHeader('content-type', 'application/octet-stream').end(found.body);
    } else {
      reply.writeHead(404).end('not found');
    }
  });
  return { url: `${server.origin}/`, asked, close: server.close };
}

function page(name: string, distributions: readonly Distribution[]): string {
  const base = name === 'elsewhere-pkg' ? 'http://files.elsewhere.example/' : '';
  const links = distributions.map(({ file, sha256, isYanked }) => {
    const yanked = isYanked ? ' data-yanked="broken"' : '';
    return `<a href="${base}${file}#sha256=${sha256}"${yanked}>${file}</a>`;
  });
  return `<!DOCTYPE html><html><body>${links.join('<br>')}</body></html>`;
}

function sha256(body: Buffer | string) {
  return createHash('sha256').update(body);
}

function wheel({ name, version, files, requires = [] }: Wheel): Distribution {
  const stem = `${name.replaceAll('-', '_')}-${version}`;
  const info = `${stem}.dist-info`;
  const needs = requires.map(each => `Requires-Dist: ${each}\n`).join('');
  const all: Record<string, string> = {
    ...files,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${needs}`,
  };
  const record = Object.entries(all).map(
    ([path, text]) => `${path},sha256=${sha256(text).digest('base64url')},${Buffer.byteLength(text)}\n`,
  );
  const body = zip({ ...all, [`${info}/RECORD`]: `${record.join('')}${info}/RECORD,,\n` });
  return { file: `${stem}-py3-none-any.whl`, body, sha256: sha256(body).digest('hex') };
}

/** Its build needs a backend that the index does not have. */
function sourcePackage(): Distribution {
  const header = Buffer.alloc(512);
  const content = Buffer.from('[build-system]\nrequires = ["no-such-backend"]\nbuild-backend = "no_such_backend"\n');
  header.write('source_pkg-1.0/pyproject.toml', 0);
  header.write(
    `0000644\0${'0000000\0'.repeat(2)}${content.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`,
    100,
  );
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  const body = gzipSync(Buffer.concat([header, content, padding, Buffer.alloc(1024)]));
  return { file: 'source_pkg-1.0.tar.gz', body, sha256: sha256(body).digest('hex') };
}
