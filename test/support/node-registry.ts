import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { serveLocally } from './local-server.ts';

/** A registry of Node packages on loopback: `top-node` 1.2.3, which needs `leaf-node` 1.0.0 or 1.1.0. */
export interface NodeRegistry {
  /** Its root, with a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const code = ({ version }: Manifest) => `module.exports = ${JSON.stringify(version)};\n`;
const manifests: readonly Manifest[] = [
  { name: 'top-node', version: '1.2.3', dependencies: { 'leaf-node': '^1.0.0' } },
  { name: 'leaf-node', version: '1.0.0' },
  { name: 'leaf-node', version: '1.1.0' },
];

export async function startNodeRegistry(): Promise<NodeRegistry> {
  const archives = new Map(manifests.map(manifest => [`${manifest.name}-${manifest.version}.tgz`, archive(manifest)]));
  const server = await serveLocally(({ url = '' }, reply) => {
    const [, name = '', , file = ''] = url.split('/');
    const body = archives.get(file);
    const versions = manifests.filter(manifest => manifest.name === name);
    if (body !== undefined) reply.end(body);
    else if (versions.length === 0) reply.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    else {
      const documents = versions.map(manifest => {
        const tgz = `${manifest.name}-${manifest.version}.tgz`;
        const integrity = `sha512-${createHash('sha512')
          .update(archives.get(tgz) ?? '')
          .digest('base64')}`;
        return [manifest.version, { ...manifest, dist: { tarball: `${server.origin}/${name}/-/${tgz}`, integrity } }];
      });
      const latest = versions.at(-1)?.version;
      reply.setHeader('content-type', 'application/json');
      reply.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(documents) }));
    }
  });
  return { url: `${server.origin}/`, close: server.close };
}

function archive(manifest: Manifest): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'node-package-'));
  try {
    for (const [path, text] of [
      ['package/package.json', JSON.stringify(manifest)],
      ['package/index.js', code(manifest)],
    ] satisfies [string, string][]) {
      mkdirSync(join(directory, dirname(path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    execFileSync('tar', ['-czf', 'package.tgz', 'package'], { cwd: directory });
    return readFileSync(join(directory, 'package.tgz'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
