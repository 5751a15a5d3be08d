/**
 * Writes `docs/licences.md`: what the installed product consists of, from the lockfile. Fails where a package has a licence that nobody
 * has agreed to. `--check` writes nothing and fails when the file is not up to date.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { type LockedPackage, productPackages } from './lockfile.ts';

const file = new URL('../docs/licences.md', import.meta.url);
/** None of these asks for more than to be named. */
const AGREED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'Unlicense',
]);
/** Other terms, agreed to one by one. */
const TERMS: readonly { readonly names: RegExp; readonly terms: string }[] = [
  {
    names: /^@anthropic-ai\/claude-agent-sdk(-|$)/,
    terms: "Anthropic's commercial terms; used only where somebody drives Claude Code, of which it is a part",
  },
];

const found = (await productPackages()).map((locked): LockedPackage => {
  const special = TERMS.find(({ names }) => names.test(locked.name));
  return { ...locked, licence: special?.terms ?? locked.licence };
});
const unknown = found.filter(({ licence }) => !AGREED.has(licence) && !TERMS.some(({ terms }) => terms === licence));
for (const { name, version, licence } of unknown)
  console.error(
    `${name} ${version}: nobody has agreed to its licence (${licence}); choose another package, or add it to scripts/licences.ts`,
  );

const text = render(found);
const isCheck = process.argv.includes('--check');
const isCurrent = (await readFile(file, 'utf8').catch(() => '')) === text;
if (!isCurrent && isCheck) console.error('docs/licences.md is not up to date: run npm run licences');
if (!isCurrent && !isCheck) await writeFile(file, text);
console.log(`${found.length} packages, ${unknown.length} with a licence that is not agreed`);
process.exitCode = unknown.length > 0 || (isCheck && !isCurrent) ? 1 : 0;

function render(all: readonly LockedPackage[]): string {
  const byLicence = new Map<string, Set<string>>();
  for (const { name, version, licence } of all)
    byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(`${name} ${version}`));
  const sections = [...byLicence]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([licence, names]) =>
        `## ${licence}\n\n${[...names]
          .sort()
          .map(name => `- ${name}`)
          .join('\n')}\n`,
    );
  return [
    '# Licences',
    '',
    '<!-- Written by `npm run licences` from package-lock.json; do not edit. -->',
    '',
    'What is installed with Boxswain, which itself is under the Apache License 2.0. Some packages are for one platform only.',
    '',
    ...sections,
  ].join('\n');
}
