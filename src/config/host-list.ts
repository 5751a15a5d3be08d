import { z } from 'zod';

/** Names of hosts; their form is judged where they are used. */
export const hostList = z.array(z.string());
