import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import type { Client, Machine } from './client.ts';
import { clients } from './clients/all.ts';
import { exists } from './files.ts';

/** Those that are used on this machine, by what they leave in its user's home and by their programs. */
export async function detectClients(machine: Machine): Promise<Client[]> {
  const found = await Promise.all(clients.map(client => isUsed(client, machine)));
  return clients.filter((_, at) => found[at]);
}

/** Clients by name. Throws AppError VALIDATION_ERROR. */
export function clientsNamed(names: readonly string[]): Client[] {
  return names.map(name => {
    const client = clients.find(one => one.name === name);
    if (client !== undefined) return client;
    throw new AppError('VALIDATION_ERROR', `there is no client ${name}`, {
      hint: `use one or more of ${clients.map(one => one.name).join(', ')}`,
    });
  });
}

async function isUsed({ traces, programs }: Client, machine: Machine): Promise<boolean> {
  for (const trace of traces(machine)) if (await exists(trace)) return true;
  for (const program of programs) if (await isOnPath(program, machine)) return true;
  return false;
}

async function isOnPath(program: string, { env, platform }: Machine): Promise<boolean> {
  const endings = platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  const folders = (env.PATH ?? '').split(delimiter).filter(folder => folder !== '');
  const files = folders.flatMap(folder => endings.map(ending => join(folder, `${program}${ending}`)));
  for (const file of files) {
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return true;
  }
  return false;
}
