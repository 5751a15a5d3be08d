import { z } from 'zod';
import { hostList } from './host-list.ts';

/** Where this server listens, and whom it answers. */
export const httpSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').describe('address to listen on'),
    port: z.int().min(0).max(65535).default(4097).describe('port to listen on; 0 picks a free one'),
    public_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('address under which others reach this server; its host and origin are answered too'),
    allowed_hosts: hostList.default([]).describe('further Host names to answer'),
    allowed_origins: hostList.default([]).describe('further Origins to answer'),
    max_body_bytes: z.int().min(1024).default(4_718_592).describe('largest request body'),
  })
  .prefault({});

/** What probes and collectors may read without credentials. */
export const healthSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').describe('address of the health port'),
    port: z
      .int()
      .min(0)
      .max(65535)
      .optional()
      .describe('port that answers /healthz, /readyz and /metrics to probes, without credentials; default: none'),
  })
  .prefault({});

/** The hub that commands talk to. */
export const clientSchema = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('hub that commands talk to, as in http://127.0.0.1:4097; default: the one of directory'),
    token: z.string().min(1).optional().describe('API token for that hub; better given by BOXSWAIN_CLIENT_TOKEN'),
    token_file: z.string().optional().describe('file of mode 0600 that holds it, where token is not given'),
  })
  .prefault({});
