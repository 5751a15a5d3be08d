import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notesOn } from './health.ts';

it('an old server is told apart from a new one', () => {
  assert.match(notesOn('2.8.4').join(), /older than 2\.9/);
  assert.match(notesOn('2.9.10').join(), /2\.10\) are missing.*2\.12 or newer is recommended.*internet/);
  assert.match(notesOn('2.10.22').join(), /2\.12 or newer is recommended/);
  for (const version of ['2.12.0', 'v2.12.1-beta', '2.14.3', '3.0.0']) assert.deepEqual(notesOn(version), [], version);
  assert.match(notesOn('dev').join(), /not known/);
});
