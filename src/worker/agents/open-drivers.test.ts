import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scratchDirectory } from '../../../test/support/server.ts';
import { configSchema } from '../../config/config.ts';
import { silentLog } from '../../log/log.ts';
import { openDrivers } from './open-drivers.ts';

test('agents get the variables of their user, and no token or key of ours', async () => {
  const scratch = await scratchDirectory();
  try {
    const config = configSchema.parse({ directory: scratch.path });
    const theirs = { HOME: '/home/alice', ANTHROPIC_API_KEY: 'their-key', CODER_URL: 'https://coder.example.com' };
    const ours = {
      ...{ CODER_SESSION_TOKEN: 'x', CODEGEN_API_TOKEN: 'x', HUB_TOKEN: 'x', AWS_SECRET_ACCESS_KEY: 'x' },
      ...{ BOXSWAIN_CODER_SESSION_TOKEN: 'x', BOXSWAIN_STORE_URL: 'x', PGPASSWORD: 'x' },
    };
    const { environment } = await openDrivers({ config, log: silentLog, variables: { ...theirs, ...ours } });
    assert.deepEqual(environment, theirs);
  } finally {
    await scratch.remove();
  }
});
