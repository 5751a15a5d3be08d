import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '../../protocol/jobs.ts';
import { Command } from './command.ts';
import { EndedCommands } from './ended-commands.ts';

const MINUTE_MS = 60_000;

function endedCommand(id: string, stdout = ''): Command {
  const command = new Command(id, { kind: 'checkpoint', parent: null }, { isDetached: false });
  const outcome: Outcome = {
    ...{ sequence: 1, startedAt: 1, endedAt: 2, generation: 1, artifacts: [], fullOutput: {} },
    end: { kind: 'completed', output: { stdout } },
  };
  command.end(outcome);
  return command;
}

describe('ended commands', () => {
  const clock = { now: 0 };
  const fresh = () => new EndedCommands(() => clock.now);

  it('answer a resend as the command did, without its job', async () => {
    const ended = fresh();
    const command = endedCommand('a', 'hello');
    ended.add('w a', command);
    const known = ended.get('w a') ?? assert.fail('it was not kept');
    await known.wait(60_000);
    assert.deepEqual(known.report(), command.report());
    assert.deepEqual([known.id, known.state, known.isDetached], ['a', 'ended', false]);
    assert.equal('job' in known, false);
  });

  it('are forgotten in the order of their end, by time, number and size', () => {
    const ended = fresh();
    ended.add('old', endedCommand('old'));
    clock.now += 16 * MINUTE_MS;
    ended.add('new', endedCommand('new'));
    assert.deepEqual([ended.get('old'), ended.get('new')?.id], [undefined, 'new']);
    for (let at = 0; at < 10_000; at += 1) ended.add(`n${at}`, endedCommand(`n${at}`));
    assert.deepEqual([ended.get('new'), ended.get('n0')?.id], [undefined, 'n0']);
    const large = 'x'.repeat(30 * 1024 * 1024);
    for (const key of ['l1', 'l2', 'l3']) ended.add(key, endedCommand(key, large));
    assert.deepEqual([ended.get('l1'), ended.get('l3')?.id], [undefined, 'l3']);
  });

  it('of a workspace go with it', () => {
    const ended = fresh();
    ended.add('w1 a', endedCommand('a'));
    ended.add('w2 b', endedCommand('b'));
    ended.forget('w1 ');
    assert.deepEqual([ended.get('w1 a'), ended.get('w2 b')?.id], [undefined, 'b']);
  });
});
