import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { productPackages } from '../../scripts/lockfile.ts';
import { scratchDirectory } from '../support/server.ts';

const script = fileURLToPath(new URL('../../scripts/sbom.ts', import.meta.url));
const billSchema = z.looseObject({
  components: z.array(z.looseObject({ name: z.string(), version: z.string() })),
});

test('the bill of materials lists all that is installed with the product, and is the same whenever it is written', async context => {
  const scratch = await scratchDirectory();
  context.after(() => scratch.remove());
  const bills = ['a.json', 'b.json'].map(name => {
    const file = join(scratch.path, name);
    execFileSync(process.execPath, [script, file], { env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' } });
    return readFile(file, 'utf8');
  });
  const [first = '', second] = await Promise.all(bills);
  assert.equal(first, second);
  const { components } = billSchema.parse(JSON.parse(first));
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  for (const { name, version, isOptional } of await productPackages())
    assert.ok(isOptional || listed.has(`${name}@${version}`), `${name} ${version}`);
  assert.ok(
    components.every(({ name }) => name !== 'typescript'),
    'what only development needs is left out',
  );
});
