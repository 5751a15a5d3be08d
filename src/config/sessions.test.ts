import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from './config.ts';
import { offersSessions, sessionRoots, withHome } from './sessions.ts';

const configured = (sessions: object = {}, toolsets: string[] = []) =>
  configSchema.parse({ directory: '/nowhere', sessions, toolsets });

test('agents may work in the home of the user where nothing else is named', () => {
  assert.deepEqual(sessionRoots(withHome(configured(), { HOME: '/home/a' })), ['/home/a']);
  assert.deepEqual(sessionRoots(withHome(configured({ roots: ['/srv'] }), { HOME: '/home/a' })), ['/srv']);
  assert.deepEqual(sessionRoots(withHome(configured({ roots: [] }), { HOME: '/home/a' })), []);
});

test('a home that is no directory of its own opens nothing', () => {
  for (const HOME of ['/', '', 'home', undefined]) assert.deepEqual(sessionRoots(withHome(configured(), { HOME })), []);
});

test('sessions are offered with directories, and only when they are wanted', () => {
  assert.equal(offersSessions(configured({ roots: ['/srv'] })), true);
  assert.equal(offersSessions(configured({ roots: ['/srv'] }, ['core'])), true);
  assert.equal(offersSessions(configured({ roots: ['/srv'] }, ['sandbox'])), false);
  assert.equal(offersSessions(configured()), false);
});
