import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from './config.ts';
import { configKeys } from './keys.ts';
import { inForceWhen, takeOver } from './reload.ts';

const configOf = (part: object = {}) => configSchema.parse({ directory: '/d', ...part });

test('what can be taken over is in force for whoever holds the configuration, the rest is named', () => {
  const config = configOf({ worker: { labels: { zone: 'a' } } });
  const { sandbox } = config;
  const fresh = configOf({
    directory: '/elsewhere',
    http: { port: 1 },
    log: { level: 'debug' },
    worker: { slots: 3, labels: { zone: 'b' } },
    sandbox: { git: { hosts: ['git.example'] }, limits: { default: { pids: 9 } } },
    placement: { queue_seconds: 5 },
  });
  assert.deepEqual(takeOver(config, fresh), {
    applied: ['log.level', 'sandbox.git.hosts', 'worker.slots', 'worker.labels', 'placement.queue_seconds'],
    ignored: ['directory', 'http.port', 'sandbox.limits.default.pids'],
  });
  assert.deepEqual(sandbox.git.hosts, ['git.example']);
  assert.deepEqual([config.worker.slots, config.worker.labels, config.http.port], [3, { zone: 'b' }, 4097]);
});

test('it is said when a value is in force in a server that runs', () => {
  assert.deepEqual(['coder.url', 'codegen.api_token', 'fleet.watch', 'log.level', 'http.port'].map(inForceWhen), [
    undefined,
    undefined,
    'on SIGHUP',
    'on SIGHUP',
    'when it is restarted',
  ]);
});

test('the same configuration changes nothing', () => {
  assert.deepEqual(takeOver(configOf(), configOf()), { applied: [], ignored: [] });
  assert.ok(configKeys.length > 0);
});
