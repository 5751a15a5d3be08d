import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type NodeRegistry, startNodeRegistry } from '../../../../test/support/node-registry.ts';
import { type PackageIndex, startPackageIndex } from '../../../../test/support/package-index.ts';
import { AppError } from '../../../errors/app-error.ts';
import type { JobOf } from '../../../protocol/jobs.ts';
import { type BoxForTests, openBox } from './box-for-tests.ts';
import { installPackages } from './packages.ts';

const job = (packages: string[], more: Partial<JobOf<'packages'>> = {}): JobOf<'packages'> => ({
  kind: 'packages',
  manager: 'python',
  packages,
  upgrade: false,
  noDeps: false,
  timeoutSeconds: 120,
  ...more,
});

const SITE = /^\/env\/python\/lib\/python3\.\d+\/site-packages$/;

async function failure(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return error;
  }
  return assert.fail('it did not fail');
}

describe('installing packages', { concurrency: false }, () => {
  let index: PackageIndex;
  let registry: NodeRegistry;
  let box: BoxForTests;

  const settings = () => ({
    python: { index_urls: [index.url] },
    node: { registry_urls: [registry.url] },
    network: { registries: [] },
    private_hosts: [new URL(index.url).host, new URL(registry.url).host],
  });
  before(async () => {
    [index, registry] = await Promise.all([startPackageIndex(), startNodeRegistry()]);
    box = await openBox(settings());
  });
  after(async () => {
    await box[Symbol.asyncDispose]();
    await Promise.all([index.close(), registry.close()]);
  });

  test('a wheel comes with its dependency, through the proxy, and can be imported', async () => {
    const output = await installPackages(job(['top-pkg']), box);
    assert.equal(output.exit_code, 0);
    assert.deepEqual(output.failed, []);
    const installed = Object(output.installed);
    assert.deepEqual(
      installed.map(({ name, version }: Record<string, string>) => `${name} ${version}`),
      ['top-pkg 2.0', 'leaf-pkg 2.0'],
    );
    assert.match(installed[0].location, SITE);
    assert.equal((await box.sh('python3 -c "import top_pkg, leaf_pkg; print(leaf_pkg.__version__)"')).stdout, '2.0\n');
    assert.ok(box.seen.length > 0 && box.seen.every(({ allowed }) => allowed));
    assert.equal((await box.sh('ls /env /workspace')).stdout, '/env:\npython\n\n/workspace:\nartifacts\n');
  });

  test('installing again succeeds and tells the version', async () => {
    await installPackages(job(['requests']), box);
    const again = await installPackages(job(['requests', 'leaf_pkg']), box);
    assert.deepEqual(
      Object(again.installed).map(({ name, version }: Record<string, string>) => `${name} ${version}`),
      ['requests 2.99.0', 'leaf-pkg 2.0'],
    );
  });

  test('a version can be asked for; a yanked one is not taken', async () => {
    const older = await installPackages(job(['leaf-pkg==1.0'], { noDeps: true }), box);
    assert.equal(Object(older.installed)[0].version, '1.0');
    const upgraded = await installPackages(job(['leaf-pkg'], { upgrade: true }), box);
    assert.equal(Object(upgraded.installed)[0].version, '2.0');
    assert.equal(Object((await installPackages(job(['yanked-pkg']), box)).installed)[0].version, '1.0');
  });

  test('each way of failing says why, and what is there', async () => {
    const expected: Record<string, RegExp> = {
      'mismatch-pkg': /hash|packages do not match/i,
      'missing-pkg': /404/,
      'source-pkg': /no-such-backend|No matching distribution|subprocess/,
      'no-such-pkg': /No matching distribution found for no-such-pkg/,
      'leaf-pkg==9': /No matching distribution found for leaf-pkg==9/,
    };
    for (const [name, message] of Object.entries(expected)) {
      const { code, details } = await failure(installPackages(job(['requests', name]), box));
      assert.equal(code, 'PACKAGE_INSTALL_FAILED', name);
      assert.match(String(details.output), message, name);
      assert.deepEqual(details.failed, [name]);
      assert.equal(Object(details.installed)[0].name, 'requests');
      assert.equal(details.exit_code, 1);
    }
  });

  test('a host off the list is refused with a reason that can be acted on', async () => {
    const error = await failure(installPackages(job(['elsewhere-pkg']), box));
    assert.equal(error.code, 'PACKAGE_INSTALL_FAILED');
    assert.match(error.message, /host files.elsewhere.example:80 was refused: it is not on the list of allowed hosts/);
    assert.match(error.hint, /operator/);
    const denied = { host: 'files.elsewhere.example', port: 80, reason: 'is not on the list of allowed hosts' };
    assert.deepEqual(error.details.network_denied, [denied]);
  });

  test('the index is open for the call only, and nothing leads round the proxy', async () => {
    const { host } = new URL(index.url);
    const proxied = await box.sh(`curl -sS -x http://127.0.0.1:3128 http://${host}/requests/`);
    assert.match(proxied.stdout, new RegExp(`host ${host} is not allowed: it is not on the list.*allowed: none`));
    assert.notEqual((await box.sh(`curl -sS --noproxy '*' http://${host}/`)).exitCode, 0);
  });

  test('options, URLs and indexes off the list are refused before anything runs', async () => {
    for (const name of ['--index-url=x', '-r', '@file', './x', 'https://e.example/x.whl']) {
      assert.equal((await failure(installPackages(job([name]), box))).code, 'VALIDATION_ERROR', name);
    }
    const other = await failure(installPackages(job(['requests'], { indexUrl: 'https://evil.example/simple' }), box));
    assert.equal(other.code, 'INDEX_NOT_ALLOWED');
    assert.match(other.hint, new RegExp(new URL(index.url).host));
  });

  test("the workspace's own files and variables do not configure pip", async () => {
    await box.put({
      'pip.py': 'raise SystemExit("taken over")',
      '.config/pip/pip.conf': '[global]\nindex-url=http://evil/',
    });
    assert.equal((await installPackages(job(['flask']), box)).exit_code, 0);
    await box.sh('rm -r pip.py .config');
  });

  test('node packages come with their dependencies and can be required from the workspace', async () => {
    const output = await installPackages(job(['top-node'], { manager: 'node' }), box);
    assert.deepEqual(output.installed, [
      { name: 'top-node', version: '1.2.3', location: '/env/node/node_modules/top-node' },
      { name: 'leaf-node', version: '1.1.0', location: '/env/node/node_modules/leaf-node' },
    ]);
    assert.equal((await box.sh(`node -p 'require("top-node") + require("leaf-node")'`)).stdout, '1.2.31.1.0\n');
    const older = await installPackages(job(['leaf-node@1.0.0'], { manager: 'node' }), box);
    assert.equal(Object(older.installed)[0].version, '1.0.0');
    const missing = await failure(installPackages(job(['no-such-node'], { manager: 'node' }), box));
    assert.equal(missing.code, 'PACKAGE_INSTALL_FAILED');
    assert.match(missing.message, /404/);
  });

  test('a full disk is DISK_FULL', async () => {
    await using small = await openBox(settings(), { diskMb: 16 });
    const error = await failure(installPackages(job(['big-pkg']), small));
    assert.equal(error.code, 'DISK_FULL', error.message);
  });
});
