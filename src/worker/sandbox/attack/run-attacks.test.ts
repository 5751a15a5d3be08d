import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { leftovers } from '../../../../test/support/leftovers.ts';
import { reachable } from '../../../../test/support/reachable.ts';

const resultsSchema = z.array(z.object({ name: z.string(), held: z.boolean(), detail: z.string() }));
const root = join(import.meta.dirname, '..', '..', '..', '..');
const script = join(root, 'test', 'support', 'attack-boxes.ts');
const SOMEBODY = 70_431;
const isRoot = process.getuid?.() === 0;

describe('attacks on real boxes', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-attacks-'));
    await chmod(directory, 0o711);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  for (const who of isRoot ? ['root', 'an ordinary user'] : ['an ordinary user']) {
    test(`all of them fail when the server runs as ${who}, and nothing is left`, async () => {
      const place = join(directory, who.replaceAll(' ', '-'));
      await mkdir(place, { mode: 0o711 });
      const asUser = isRoot && who !== 'root';
      const results = await attackAs(asUser ? SOMEBODY : undefined, place);
      assert.ok(results.length > 50, `${results.length} attacks`);
      assert.deepEqual(
        results.filter(result => !result.held),
        [],
      );
      assert.deepEqual(await readdir(join(place, 'boxes', 'storage')), []);
      assert.deepEqual(await readdir(join(place, 'boxes', 'boxes')), []);
      assert.deepEqual(await leftovers(place), []);
    });
  }
});

/** Runs them in a server of its own, which was started carelessly: with open files and secrets in its environment. */
async function attackAs(uid: number | undefined, place: string): Promise<z.output<typeof resultsSchema>> {
  const home = join(place, 'home');
  const boxes = join(place, 'boxes');
  await mkdir(home);
  await mkdir(boxes, { mode: 0o711 });
  const secret = join(place, 'secret');
  await writeFile(secret, 'of the server', { mode: 0o600 });
  let command = [process.execPath, script, boxes];
  if (uid !== undefined) {
    for (const owned of [home, boxes]) await chown(owned, uid, uid);
    const become = ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    command = [...become, ...(await reachable(command, { become, copy: join(place, 'copy') }))];
  }
  await using file = await open(secret);
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: '/',
    env: { HOME: home, TMPDIR: home, PATH: '/usr/bin:/bin', AWS_SECRET_ACCESS_KEY: 'of the server' },
    stdio: ['ignore', 'pipe', 'pipe', file.fd, file.fd, file.fd, file.fd, file.fd, file.fd, file.fd, file.fd],
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the attacks have no output');
  const [output, complaints] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
  assert.equal(child.exitCode, 0, `the attacks ended with ${child.exitCode ?? child.signalCode}: ${complaints}`);
  return resultsSchema.parse(JSON.parse(output));
}
