import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resumeCommand } from './resume-command.ts';

test('a path that a shell would take apart is quoted', () => {
  const command = resumeCommand('claude', { agentSessionId: 'a-b', cwd: `/it's here` });
  assert.equal(command, `cd '/it'\\''s here' && claude --resume a-b`);
});

test('each agent with a terminal program has its own words, without a folder where none is known', () => {
  const words = ['claude', 'codex', 'gemini', 'opencode'].map(agent =>
    resumeCommand(agent, { agentSessionId: 'id', cwd: '' }),
  );
  assert.deepEqual(words, ['claude --resume id', 'codex resume id', 'gemini --resume id', 'opencode --session id']);
  assert.equal(resumeCommand('scripted', { agentSessionId: 'id', cwd: '/x' }), '');
});
