import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import pg from 'pg';
import { unavailable } from './unavailable.ts';

test('a service that is not there is told as worth another call', async () => {
  const missing = connect('/nonexistent/socket');
  const [error] = await once(missing, 'error').catch(thrown => [thrown]);
  const told = unavailable(error);
  assert.equal(told?.code, 'SERVICE_UNAVAILABLE');
  assert.equal(told?.retryable, true);
  assert.doesNotMatch(told?.message ?? '', /nonexistent/);
});

test('what PostgreSQL says when it goes away counts, also as a cause', () => {
  const stopping = new pg.DatabaseError('terminating connection due to administrator command', 0, 'error');
  stopping.code = '57P01';
  for (const error of [
    stopping,
    new Error('Connection terminated unexpectedly'),
    new Error('wrapped', { cause: stopping }),
  ])
    assert.equal(unavailable(error)?.code, 'SERVICE_UNAVAILABLE');
});

test('records that cannot be reached in time, may not be written yet or are held by somebody else count', () => {
  const waiting = new pg.DatabaseError('cannot execute INSERT in a read-only transaction', 0, 'error');
  waiting.code = '25006';
  const busy = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  const gone = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_READ' });
  for (const error of [waiting, busy, gone, new Error('Query read timeout'), new Error('timeout expired')])
    assert.equal(unavailable(error)?.code, 'SERVICE_UNAVAILABLE', error.message);
  assert.equal(unavailable(Object.assign(new Error('x'), { code: 'SQLITE_CONSTRAINT' })), undefined);
});

test('a full disk is told as what it is, whoever says so', () => {
  for (const code of ['ENOSPC', 'SQLITE_FULL', '53100']) {
    const full = Object.assign(new Error('write /data/records.db'), { code });
    const told = unavailable(new Error('wrapped', { cause: full }));
    assert.deepEqual([told?.code, told?.details.reason], ['SERVICE_UNAVAILABLE', 'disk_full'], code);
    assert.match(`${told?.message} ${told?.hint}`, /disk.*full.*free space/);
    assert.doesNotMatch(told?.message ?? '', /data/);
  }
});

test('any other failure is none of these', () => {
  const unique = new pg.DatabaseError('duplicate key', 0, 'error');
  unique.code = '23505';
  for (const error of [unique, new Error('at /secret'), Object.assign(new Error('open'), { code: 'ENOENT' }), 'text'])
    assert.equal(unavailable(error), undefined);
});
