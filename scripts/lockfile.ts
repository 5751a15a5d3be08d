import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const schema = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      name: z.string().optional(),
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
    }),
  ),
});

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Left out where the platform is another one. */
  readonly isOptional: boolean;
}

/** What is installed with the product, on all platforms together, by the lockfile: development is left out. */
export async function productPackages(): Promise<LockedPackage[]> {
  const text = await readFile(new URL('../package-lock.json', import.meta.url), 'utf8');
  return Object.entries(schema.parse(JSON.parse(text)).packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { name: given, version = '?', license = 'none', optional = false }]) => {
      // One that takes the place of another lies under that one's name.
      const name = given ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, licence: license, isOptional: optional };
    });
}
