import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

/** Programs that boxes find below /usr, which they share with the machine. */
const languages = { python: '/usr/bin/python3', bash: '/usr/bin/bash', node: '/usr/bin/node' };
const tools = { pip: '/usr/bin/pip3', npm: '/usr/bin/npm', git: '/usr/bin/git' };

/** What a workspace on this machine can run without installing anything. */
export async function presentPrograms(): Promise<{ languages: string[]; tools: string[] }> {
  return { languages: await presentOf(languages), tools: await presentOf(tools) };
}

async function presentOf(programs: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(programs).map(async ([name, path]) => {
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      return isThere ? [name] : [];
    }),
  );
  return found.flat();
}
