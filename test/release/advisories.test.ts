import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { serveLocally } from '../support/local-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const lockSchema = z.looseObject({ packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })) });

describe('the question for advisories', () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'advisories-'));
  });
  after(() => rm(home, { recursive: true }));

  /** Asks a registry that answers so. */
  async function ask(answer: (path: string, response: ServerResponse) => void) {
    const registry = await serveLocally((request, response) => {
      request.resume();
      request.on('end', () => answer(request.url ?? '', response));
    });
    try {
      return await told(registry.origin);
    } finally {
      await registry.close();
    }
  }
  const told = (origin: string) =>
    new Promise<{ code: number; stdout: string; stderr: string }>(done => {
      const words = [join(root, 'scripts/advisories.ts'), `--registry=${origin}`];
      const env = { PATH: process.env.PATH ?? '', HOME: home, npm_config_cache: join(home, 'cache') };
      execFile(process.execPath, words, { env }, (error, stdout, stderr) =>
        done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
    });
  const json = (response: ServerResponse, body: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  it('is answered with 0 where there are none', async () => {
    const { code, stdout, stderr } = await ask((_path, response) => json(response, {}));
    assert.deepEqual([code, stdout, stderr], [0, 'advisories: none\n', '']);
  });

  it('is answered with 1, and which, where there are some', async () => {
    const { packages } = lockSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
    const version = packages['node_modules/zod']?.version ?? assert.fail('zod is not locked');
    const advice = { id: 1, url: 'https://advisories.example/1', title: 'It explodes', severity: 'high' };
    const zod = { name: 'zod', 'dist-tags': { latest: version }, versions: { [version]: { name: 'zod', version } } };
    const { code, stderr } = await ask((path, response) => {
      if (path.endsWith('/advisories/bulk')) json(response, { zod: [{ ...advice, vulnerable_versions: '*' }] });
      else json(response, path === '/zod' ? zod : { name: decodeURIComponent(path.slice(1)), versions: {} });
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^high: zod .*It explodes https:\/\/advisories\.example\/1$/m);
  });

  it('is answered with 3 where the registry keeps none, or does not answer, and names no registry', async () => {
    const refused = await ask((_path, response) => response.writeHead(405).end());
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /^advisories: NOT ASKED: .*HTTP status 405/);
    const gone = await told('http://127.0.0.1:1');
    assert.equal(gone.code, 3);
    for (const { stderr } of [refused, gone]) assert.doesNotMatch(stderr, /127\.0\.0\.1/);
  });
});
