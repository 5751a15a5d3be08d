/**
 * Looks through a lockfile for what needs no registry to be told: packages that are not pinned by a SHA-512 of their contents, that their
 * authors have withdrawn, that name where they were downloaded, or that run a program at their installation which nobody has agreed to.
 * Exits with 1 where there are some. A path as argument names another folder's lockfile.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      deprecated: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
    }),
  ),
});
/** `allowScripts` is npm's own word for what may run at an installation, and what may not. */
const packageSchema = z.looseObject({ allowScripts: z.record(z.string(), z.boolean()).default({}) });

const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(resolve(folder, name), 'utf8'));
const { packages } = lockSchema.parse(await read('package-lock.json'));
const { allowScripts } = packageSchema.parse(await read('package.json'));

const locked = Object.entries(packages).filter(([path]) => path !== '');
const faults = locked.flatMap(([path, { integrity, resolved, deprecated, hasInstallScript }]) => {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return [
    ...(integrity?.startsWith('sha512-') ? [] : ['is not pinned by a SHA-512: npm install writes one']),
    ...(resolved === undefined ? [] : ['names where it was downloaded: set omit-lockfile-registry-resolved']),
    ...(deprecated === undefined ? [] : [`was withdrawn by its authors: ${deprecated}`]),
    ...(hasInstallScript && !(name in allowScripts)
      ? ['runs a program at its installation: agree to it, or not, under allowScripts in package.json']
      : []),
  ].map(fault => `${path}: ${fault}`);
});
for (const fault of faults) console.error(fault);
console.log(`${locked.length} locked packages, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
