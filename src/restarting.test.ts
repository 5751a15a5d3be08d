import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onPort, untilEnded } from './restarting.ts';

test('a role runs anew on the same port when a restart is asked for, and else once', async () => {
  const stopping = new AbortController();
  const ports: (number | undefined)[] = [];
  await untilEnded(stopping.signal, async ({ port, restart, signal }) => {
    ports.push(port);
    if (ports.length < 3) restart();
    assert.equal(signal.aborted, ports.length < 3);
    return 4000 + ports.length;
  });
  assert.deepEqual(ports, [undefined, 4001, 4002]);
});

test('a role that was told to end is not started anew', async () => {
  const stopping = new AbortController();
  let rounds = 0;
  await untilEnded(stopping.signal, async ({ restart }) => {
    rounds += 1;
    restart();
    stopping.abort();
    return 1;
  });
  assert.equal(rounds, 1);
});

test('the port of an earlier round wins over the configured one', () => {
  const flags = { config: 'a', settings: { 'http.port': 0, 'http.host': 'h' } };
  assert.deepEqual(onPort(flags, 5000), { config: 'a', settings: { 'http.port': 5000, 'http.host': 'h' } });
  assert.equal(onPort(flags, undefined), flags);
});
