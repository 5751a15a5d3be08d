/** Copies a session of Claude Code inside a box: told of it in one argument, answers on its standard output. */
import { forkOrderSchema } from '../fork-order.ts';
import { forkOnDisk } from './fork-on-disk.ts';

const order = forkOrderSchema.parse(JSON.parse(process.argv[2] ?? ''));
process.stdout.write(JSON.stringify(await forkOnDisk(order)));
