import { join } from 'node:path';
import { z } from 'zod';
import type { Client } from '../client.ts';
import { headersOf } from '../headers.ts';
import { configFolder } from '../places.ts';

const title = 'OpenCode';

/** Version 2 puts servers below `mcp.servers` and still reads those of version 1, which stand in `mcp` itself. */
const secondForm = z.object({ mcp: z.object({ servers: z.record(z.string(), z.object({})) }) });

export const opencode: Client = {
  name: 'opencode',
  title,
  programs: ['opencode', 'opencode2'],
  traces: machine => [join(configFolder(machine), 'opencode')],
  files: machine => {
    const folder = join(configFolder(machine), 'opencode');
    return [join(folder, 'opencode.json'), join(folder, 'opencode.jsonc'), join(folder, 'config.json')];
  },
  format: 'json',
  place: document => (secondForm.safeParse(document).success ? ['mcp', 'servers'] : ['mcp']),
  entry: connection =>
    connection.kind === 'process'
      ? { type: 'local', command: [connection.command, ...connection.args] }
      : {
          type: 'remote',
          url: connection.url,
          ...headersOf(connection, { title, reference: name => `{env:${name}}` }),
        },
  next: 'open a new session; opencode mcp list shows it',
};
