import { z } from 'zod';

/** The built-in authorization server. */
export const authServerSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'let users of this server sign in here, so that clients get tokens without another authorization server',
      ),
    access_token_seconds: z
      .int()
      .min(60)
      .max(3600)
      .default(900)
      .describe('how long an access token of the built-in server is good; clients get a new one by themselves'),
    registration: z
      .boolean()
      .default(true)
      .describe('let clients register themselves, also by an address at which they describe themselves'),
  })
  .prefault({});

export type AuthServerConfig = z.output<typeof authServerSchema>;
