/** The thread of `fork.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { forkOrderSchema } from '../fork-order.ts';
import { forkOnDisk } from './fork-on-disk.ts';

parentPort?.postMessage(await forkOnDisk(forkOrderSchema.parse(workerData)));
