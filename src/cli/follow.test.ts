import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollEvents } from '../operations/sessions/events.ts';
import { RecordingTerminal } from '../../test/support/recording-terminal.ts';
import type { OperationClient } from './client.ts';
import { follow } from './follow.ts';

const event = (seq: number) => ({ seq, stream: 'session:a', sessionId: 'a', type: 'session.idle', time: 1000 * seq });

/** Answers three polls, the second with nothing, and is interrupted during the fourth. */
function threePolls() {
  const interrupted = new AbortController();
  const asked: Record<string, unknown>[] = [];
  const client: OperationClient = {
    call: async (_operation, args) => {
      asked.push(args);
      if (asked.length === 4) {
        interrupted.abort();
        throw new Error('the connection was cut');
      }
      const events = asked.length === 2 ? [] : [event(asked.length)];
      return { output: { events, cursor: `c${asked.length}` }, text: [] };
    },
    upload: async () => assert.fail('nothing is uploaded'),
    close: async () => {},
  };
  return { asked, client, call: { signal: interrupted.signal, report: () => {} } };
}

test('each poll goes on after the one before it, and every event is a line of JSON', async () => {
  const { asked, client, call } = threePolls();
  const terminal = new RecordingTerminal();
  await follow(client, pollEvents, { args: { session_id: 'a' }, call, terminal, asJson: true });
  assert.deepEqual(
    asked.map(({ after, session_id }) => [after, session_id]),
    [
      [undefined, 'a'],
      ['c1', 'a'],
      ['c2', 'a'],
      ['c3', 'a'],
    ],
  );
  assert.equal(terminal.stdout, [event(1), event(3)].map(one => `${JSON.stringify(one)}\n`).join(''));
});

test('people see a short line, and an interrupt is no failure', async () => {
  const { client, call } = threePolls();
  const terminal = new RecordingTerminal();
  await follow(client, pollEvents, { args: {}, call, terminal, asJson: false });
  assert.match(terminal.stdout, /^1970-01-01T00:00:01\.000Z a session\.idle /);
  assert.equal(terminal.exitCode, undefined);
});

test('a failure that nobody asked for ends it', async () => {
  const { client } = threePolls();
  const failing = { ...client, call: async () => Promise.reject(new Error('gone')) };
  const call = { signal: new AbortController().signal, report: () => {} };
  const terminal = new RecordingTerminal();
  await assert.rejects(follow(failing, pollEvents, { args: {}, call, terminal, asJson: true }), /gone/);
});
