/**
 * Writes the types of what providers' APIs ask for and answer, as their API documents in api/ describe them. With --check it writes
 * nothing, and exits 1 when a file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { typesOf } from './api-types/types-of.ts';

const root = join(import.meta.dirname, '..');
const APIS = [
  { document: 'api/codegen.openapi.json', types: 'src/providers/codegen/api.gen.ts', name: 'CodegenApi' },
  { document: 'api/coder.swagger.json', types: 'src/providers/coder/api.gen.ts', name: 'CoderApi' },
] as const;

for (const { document, types, name } of APIS) {
  const text = typesOf(JSON.parse(await readFile(join(root, document), 'utf8')), { source: document, name });
  const present = await readFile(join(root, types), 'utf8').catch(() => undefined);
  if (present === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${types} is stale: run npm run api:types and review the change`);
    process.exitCode = 1;
  } else {
    await writeFile(join(root, types), text);
    console.log(`${types} written`);
  }
}
