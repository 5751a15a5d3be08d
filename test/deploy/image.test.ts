import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import dockerfileUtils from 'dockerfile-utils';
import { z } from 'zod';

const root = new URL('../../', import.meta.url);
const text = await readFile(new URL('deploy/Dockerfile', root), 'utf8');
const lint = (dockerfile: string): string[] =>
  dockerfileUtils.validate(dockerfile).map(({ message }) => String(message));
/** What follows a keyword, for each instruction of it; continued lines are one. */
const of = (keyword: string): string[] =>
  [...text.replaceAll(/\\\n/g, ' ').matchAll(/^([A-Z]+) +(.*)$/gm)].flatMap(([, found, rest = '']) =>
    found === keyword ? [rest] : [],
  );

describe('the Dockerfile', () => {
  it('is found right by the linter', () => {
    assert.deepEqual(lint(text), []);
  });

  it('is found wrong when it is', () => {
    for (const [right, wrong] of [
      ['USER 10001:10001', 'USERS 10001:10001'],
      ['--interval=10s', '--intervals=10s'],
      ['EXPOSE 4097 4098', 'EXPOSE http'],
      ['COPY bin bin', 'COPY bin'],
      ['AS build', 'AS'],
    ] as const) {
      assert.ok(text.includes(right), right);
      assert.ok(lint(text.replace(right, wrong)).length > 0, wrong);
    }
  });

  it('builds in one stage, and leaves what it built with behind', () => {
    assert.equal(of('FROM').length, 2);
    const [, last] = text.split(/^FROM .*$/m).slice(1);
    assert.doesNotMatch(last ?? '', /npm ci|npm run|COPY src|COPY \. /);
  });

  it('copies what is there and what it lets into the build', async () => {
    const ignored = await readFile(new URL('deploy/Dockerfile.dockerignore', root), 'utf8');
    const admitted = new Set(ignored.split('\n').flatMap(line => (line.startsWith('!') ? [line.slice(1)] : [])));
    for (const words of of('COPY').filter(rest => !rest.startsWith('--from'))) {
      for (const source of words.split(' ').slice(0, -1)) {
        assert.ok(existsSync(new URL(source, root)), source);
        assert.ok(admitted.has(source), `${source} is kept out by Dockerfile.dockerignore`);
      }
    }
  });

  it('runs as a user without rights, tells its health, and starts the program under an init', () => {
    assert.deepEqual(of('USER'), ['10001:10001']);
    assert.match(of('HEALTHCHECK')[0] ?? '', /healthz/);
    assert.match(of('ENTRYPOINT')[0] ?? '', /tini.*boxswain/);
  });

  it('is made on the version of Node that the project is developed with', async () => {
    const { devDependencies } = z
      .object({ devDependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile(new URL('package.json', root), 'utf8')));
    const [, major] = /NODE_IMAGE=node:(\d+)\.\d+\.\d+-/.exec(text) ?? [];
    assert.equal(major, /\d+/.exec(devDependencies.node ?? '')?.[0]);
  });

  it('installs what a worker needs for boxes', () => {
    const installed = of('RUN').join('\n');
    for (const name of ['bubblewrap', 'python3', 'python3-pip', 'python3-venv', 'git', 'util-linux', 'e2fsprogs'])
      assert.match(installed, new RegExp(`\\b${name}\\b`));
  });
});
