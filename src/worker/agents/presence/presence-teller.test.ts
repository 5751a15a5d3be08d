import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventually } from '../../../../test/support/eventually.ts';
import { silentLog } from '../../../log/log.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import { PresenceTeller } from './presence-teller.ts';

const open = (agentSessionId: string): OpenSession => ({
  ...{ agent: 'claude', agentSessionId, pid: 1, status: 'idle', since: 1 },
});

it('hubs are told the newest state until one has heard it, and nothing older after it', async () => {
  const heard: string[] = [];
  let isThere = false;
  const teller = new PresenceTeller({
    log: silentLog,
    async tell(state) {
      if (!isThere) throw new Error('no hub answers');
      heard.push(state.map(({ agentSessionId }) => agentSessionId).join());
    },
  });
  teller.set([open('a')]);
  teller.set([open('a'), open('b')]);
  isThere = true;
  await eventually(() => heard.length > 0);
  teller.set([]);
  await eventually(() => heard.at(-1) === '');
  assert.deepEqual(heard, ['a,b', '']);
  await teller.close();
  teller.set([open('late')]);
  assert.deepEqual(heard, ['a,b', '']);
});
