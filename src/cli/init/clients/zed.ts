import { join } from 'node:path';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';
import { configFolder } from '../places.ts';

const title = 'Zed';

export const zed: Client = {
  name: 'zed',
  title,
  programs: ['zed', 'zeditor'],
  traces: machine => [folderOf(machine)],
  files: machine => [join(folderOf(machine), 'settings.json')],
  format: 'json',
  place: () => ['context_servers'],
  entry: connection =>
    connection.kind === 'process'
      ? { source: 'custom', command: connection.command, args: connection.args, env: {} }
      : { source: 'custom', url: connection.url, ...headersOf(connection, { title }) },
  next: 'the settings of the Agent Panel show it',
};

const folderOf = (machine: Parameters<Client['traces']>[0]): string =>
  machine.platform === 'win32' && machine.env.APPDATA
    ? join(machine.env.APPDATA, 'Zed')
    : join(configFolder(machine), 'zed');
