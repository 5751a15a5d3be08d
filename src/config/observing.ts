import { z } from 'zod';

export const logSchema = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('least severe level to log'),
  })
  .prefault({});

export const telemetrySchema = z
  .strictObject({
    otlp_endpoint: z
      .string()
      .optional()
      .describe('OTLP receiver that traces are sent to over HTTP, as in http://127.0.0.1:4318; default: none'),
    sample_ratio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('share of the calls that are traced where the caller does not say'),
  })
  .prefault({});
