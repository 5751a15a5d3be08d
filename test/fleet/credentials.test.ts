import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeCoder } from '../support/fake-coder/fake-coder.ts';
import { runCli } from '../support/server.ts';
import { sessionServer } from '../support/session-server.ts';
import { listIn } from './fleet-server.ts';

test('credentials that are set while it runs are those of the next call, and it is said what needs a restart', async () => {
  const coders = await Promise.all([
    startFakeCoder({ token: 'first-0123456789' }),
    startFakeCoder({ token: 'second-0123' }),
  ]);
  try {
    const [first, second] = coders;
    first.fleet.addTask({ name: 'of-the-first' });
    second.fleet.addTask({ name: 'of-the-second' });
    await using server = await sessionServer({ args: ['--toolsets', 'fleet'] });
    const names = async () => listIn(await server.ask('list_all_agents'), 'agents').map(({ name }) => name);
    const set = async (key: string, value: string) => {
      const ran = await runCli(['config', 'set', key, value, '--directory', server.server.directory], {
        env: { HOME: server.home },
      });
      assert.equal(ran.code, 0, ran.stderr);
      return ran.stdout;
    };
    assert.deepEqual(await names(), []);
    const tokenFile = join(server.home, 'token');
    await writeFile(tokenFile, first.token, { mode: 0o600 });
    assert.match(await set('coder.url', first.origin), /does so when it is restarted/);
    assert.equal((await server.ask('list_all_agents', { provider: 'coder' })).code, 'PROVIDER_NOT_CONFIGURED');
    await set('coder.token_file', tokenFile);
    assert.deepEqual(await names(), ['of-the-first']);
    await set('coder.url', second.origin);
    assert.equal((await server.ask('list_all_agents', { provider: 'coder' })).code, 'AUTHENTICATION_FAILED');
    await writeFile(tokenFile, second.token);
    assert.deepEqual(await names(), ['of-the-second'], 'a token that was changed in its file is used at once');
    assert.match(await set('http.port', '5000'), /A server that runs takes it over when it is restarted\.\n$/);
  } finally {
    for (const coder of coders) await coder.close();
  }
});
