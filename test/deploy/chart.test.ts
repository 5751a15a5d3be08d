import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { helmPath } from '../../scripts/helm.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseResource, problemsOf, type Resource } from './kubernetes.ts';

const chart = fileURLToPath(new URL('../../deploy/helm/boxswain', import.meta.url));
const everything = join(chart, 'ci/everything-values.yaml');
const daemonSet = join(chart, 'ci/daemonset-values.yaml');

/** The one that the bootstrap of the tests fetched; else that of the machine. */
const helm = existsSync(helmPath) ? helmPath : 'helm';

function render(args: readonly string[] = [], folder = chart): Resource[] {
  const text = execFileSync(helm, ['template', 'crew', folder, '--namespace', 'sandboxes', ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return parseAllDocuments(text).map(document => {
    assert.deepEqual(document.errors, []);
    return parseResource(document.toJS());
  });
}

/** What Helm says when it refuses to render. */
function refusal(args: readonly string[]): string {
  const { status, stderr } = spawnSync(helm, ['template', 'crew', chart, ...args], { encoding: 'utf8' });
  assert.notEqual(status, 0, `${args.join(' ')} was rendered`);
  return stderr;
}

const find = (resources: readonly Resource[], kind: string, end = ''): Resource =>
  resources.find(one => one.kind === kind && one.metadata.name.endsWith(end)) ?? assert.fail(`no ${kind} ${end}`);

const podSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true) }),
        automountServiceAccountToken: z.literal(false),
        containers: z.array(
          z.looseObject({
            name: z.string(),
            image: z.string(),
            env: z.array(z.looseObject({ name: z.string() })).default([]),
            securityContext: z.looseObject({}).optional(),
            volumeMounts: z.array(z.looseObject({ name: z.string() })).default([]),
          }),
        ),
      }),
    }),
  }),
});
const podOf = (resource: Resource) => podSchema.parse(resource).spec.template.spec;

describe('the chart', () => {
  before(() => {
    const { error } = spawnSync(helm, ['version']);
    assert.equal(error, undefined, 'there is no Helm: node scripts/bootstrap.ts --for-tests fetches it');
  });

  it('passes the linter, strictly', () => {
    for (const values of [[], ['--values', everything], ['--values', daemonSet]])
      execFileSync(helm, ['lint', '--strict', '--quiet', chart, ...values], { stdio: 'pipe' });
  });

  for (const [name, args, kinds] of [
    ['the defaults', [], 11],
    ['everything switched on', ['--values', everything], 13],
    ['a DaemonSet and nothing optional', ['--values', daemonSet], 9],
  ] as const) {
    it(`renders ${name} into what Kubernetes takes`, () => {
      const resources = render(args);
      assert.equal(resources.length, kinds);
      assert.deepEqual(resources.flatMap(problemsOf), []);
      const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      assert.equal(new Set(names).size, names.length, 'no two have one name');
    });
  }

  it('writes configuration that Boxswain reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'boxswain-chart-'));
    try {
      for (const args of [[], ['--values', everything]]) {
        const { data } = z
          .looseObject({ data: z.record(z.string(), z.string()) })
          .parse(find(render(args), 'ConfigMap'));
        for (const [name, text] of Object.entries(data)) {
          const file = join(folder, name);
          await writeFile(file, text);
          const warn = (problem: string) => assert.fail(problem);
          const config = await loadConfig({ env: { HOME: folder }, file, warn });
          assert.equal(config.health.port, 4098);
          assert.ok(config.fabric.servers.length > 0);
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('runs everything without root, privileges or a writable root', () => {
    for (const args of [[], ['--values', daemonSet]]) {
      const resources = render(args);
      const workloads = resources.filter(({ kind }) => kind === 'StatefulSet' || kind === 'DaemonSet');
      assert.equal(workloads.length, 2);
      for (const workload of workloads) {
        for (const { securityContext } of podOf(workload).containers) {
          assert.equal(securityContext?.allowPrivilegeEscalation, false);
          assert.equal(securityContext?.readOnlyRootFilesystem, true);
          assert.deepEqual(securityContext?.capabilities, { drop: ['ALL'] });
        }
      }
    }
  });

  it('gives workers no way to the records, and each pod its own token only', () => {
    const resources = render();
    const [hub] = podOf(find(resources, 'StatefulSet', '-hub')).containers;
    const [worker] = podOf(find(resources, 'StatefulSet', '-worker')).containers;
    const names = (container: typeof hub) => container?.env.map(({ name }) => name) ?? [];
    assert.ok(names(hub).includes('BOXSWAIN_STORE_URL'));
    assert.ok(!names(worker).includes('BOXSWAIN_STORE_URL'));
    for (const container of [hub, worker]) {
      const token = container?.volumeMounts.filter(({ name }) => name === 'tokens');
      assert.deepEqual(
        token?.map(({ subPathExpr }) => subPathExpr),
        ['$(TOKEN_NAME).token'],
      );
    }
  });

  it('holds no secret: the values name them', () => {
    for (const args of [[], ['--values', everything], ['--values', daemonSet]])
      assert.ok(!render(args).some(({ kind }) => kind === 'Secret'));
  });

  it('gives a worker longer to end than its drain takes', () => {
    const worker = find(render(['--set', 'worker.drainSeconds=300']), 'StatefulSet', '-worker');
    assert.equal(podOf(worker).terminationGracePeriodSeconds, 330);
  });

  it('refuses values that mean nothing or cannot be', () => {
    for (const [setting, says] of [
      ['hub.replica=3', /replica/],
      ['hub.replicas=none', /replicas/],
      ['worker.kind=Deployment', /kind/],
      ['nats.servers={http://nats}', /servers/],
      ['worker.seccompProfile.type=Localhost', /localhostProfile/],
      ['hub.ingress.enabled=true', /hub\.ingress\.host/],
    ] as const)
      assert.match(refusal(['--set', setting]), says, setting);
  });

  it('is found wrong when a template is: a misspelt field, a wrong type, a missing one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'boxswain-chart-'));
    try {
      await cp(chart, folder, { recursive: true });
      const file = join(folder, 'templates/worker.yaml');
      const template = await readFile(file, 'utf8');
      for (const [right, wrong, says] of [
        ['terminationGracePeriodSeconds:', 'terminationGraceSeconds:', /terminationGraceSeconds is no field/],
        ['allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: "no"', /allowPrivilegeEscalation type/],
        ['readOnlyRootFilesystem: true', 'readOnlyRoot: true', /readOnlyRoot is no field/],
        ['  serviceName: {{ $name }}', '  serviceNames: {{ $name }}', /serviceNames is no field/],
        ['          image: {{ include "boxswain.image" . }}', '          image: 7', /image type/],
        ['        - name: worker', '        - title: worker', /title is no field|name/],
      ] as const) {
        assert.ok(template.includes(right), right);
        await writeFile(file, template.replace(right, wrong));
        assert.match(render([], folder).flatMap(problemsOf).join('\n'), says, wrong);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
