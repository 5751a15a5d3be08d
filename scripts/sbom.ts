/**
 * Writes a bill of materials in CycloneDX's form of what is installed with the product, to the given file (default:
 * `dist/boxswain.cdx.json`). The same sources give the same bytes: it has the time of the last commit, and a number made from its content.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { productPackages } from './lockfile.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = resolve(root, process.argv[2] ?? 'dist/boxswain.cdx.json');
const billSchema = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ name: z.string() }) }),
  components: z.array(
    z.looseObject({
      'bom-ref': z.string(),
      name: z.string(),
      version: z.string(),
      purl: z.string(),
      externalReferences: z.unknown().optional(),
    }),
  ),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
const { serialNumber: _number, ...bill } = billSchema.parse(
  JSON.parse(run('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'])),
);
// With `--omit=dev` npm leaves out whatever development needs too.
const product = await productPackages();
const nameOf = ({ name, version }: { name: string; version: string }) => `${name}@${version}`;
const locked = new Set(product.map(nameOf));
const components = bill.components.filter(component => locked.has(nameOf(component)));
const kept = new Set(components.map(component => component['bom-ref']));
const timestamp = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['log', '-1', '--format=%ct'])) * 1000);
const content = {
  ...bill,
  // npm names it after the folder that it happens to lie in.
  metadata: { ...bill.metadata, timestamp, component: { ...bill.metadata.component, name: 'boxswain' } },
  components: components
    .map(({ externalReferences: _addresses, ...component }) => component)
    .sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  dependencies: bill.dependencies
    .filter(({ ref }) => kept.has(ref) || ref.startsWith('boxswain@'))
    .map(one => ({ ...one, dependsOn: one.dependsOn.filter(ref => kept.has(ref)) })),
};
const listed = new Set(components.map(nameOf));
const missing = product.filter(one => !one.isOptional && !listed.has(nameOf(one)));
if (missing.length > 0) throw new Error(`npm's bill lacks ${missing.map(nameOf).join(', ')}`);
const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
const uuid = [
  digest.slice(0, 8),
  digest.slice(8, 12),
  `5${digest.slice(13, 16)}`,
  `a${digest.slice(17, 20)}`,
  digest.slice(20, 32),
];
await mkdir(dirname(target), { recursive: true });
await writeFile(target, `${JSON.stringify({ ...content, serialNumber: `urn:uuid:${uuid.join('-')}` }, null, 2)}\n`);
console.log(`${content.components.length} components in ${target}`);
