/** An agent over ACP that does what no good one does; each prompt names a kind of disorder. Plain JSON lines, without the SDK. */
import { createInterface } from 'node:readline';
import { z } from 'zod';

const line = z.looseObject({
  id: z.union([z.number(), z.string()]).optional(),
  method: z.string().optional(),
  params: z.looseObject({}).optional(),
  result: z.unknown().optional(),
});
const promptParams = z.looseObject({
  sessionId: z.string(),
  prompt: z.array(z.looseObject({ text: z.string().optional() })),
});

const newParams = z.looseObject({ cwd: z.string() });

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}
const say = (text: string) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
let sessions = 0;
let sessionId = '';
let cancelled = () => {};
let answered = (_result: unknown) => {};

function update(told: object): void {
  send({ method: 'session/update', params: { sessionId, update: told } });
}

function askLeave(): Promise<unknown> {
  const options = [{ optionId: 'yes', name: 'Yes', kind: 'allow_once' }];
  const toolCall = {
    toolCallId: 'tool-1',
    title: 'Write it',
    kind: 'edit',
    status: 'pending',
    rawInput: { path: 'a' },
  };
  send({ id: 'ask-1', method: 'session/request_permission', params: { sessionId, toolCall, options } });
  return new Promise(resolve => {
    answered = resolve;
  });
}

async function prompt(id: number | string | undefined, text: string): Promise<void> {
  const end = (stopReason: string) => send({ id, result: { stopReason } });
  if (text === 'unknown kinds') {
    update({ sessionUpdate: 'hologram', depth: 3 });
    update({ sessionUpdate: 'agent_message_chunk', content: { type: 'scent', notes: ['rose'] } });
    update({ sessionUpdate: 'tool_call', toolCallId: 7 });
    update({ sessionUpdate: 'tool_call', toolCallId: 'a', status: 'quantum', rawInput: 'no object' });
    update({ no: 'kind' });
    send({ method: 'session/update', params: { sessionId: 'nobody', update: { sessionUpdate: 'plan' } } });
    send({ method: '_vendor/thing', params: {} });
    say('still well');
    return end('end_turn');
  }
  if (text === 'noise') {
    process.stdout.write('Warning: this is no JSON\n');
    say('after the noise');
    return end('end_turn');
  }
  if (text === 'crash') {
    say('about to');
    process.stdout.write('', () => process.exit(3));
    return;
  }
  if (text === 'huge') {
    process.stdout.write(
      `{"jsonrpc":"2.0","method":"session/update","params":{"x":"${'x'.repeat(33 * 1024 * 1024)}"}}\n`,
    );
    return;
  }
  if (text === 'ask after cancel') {
    say('working');
    await new Promise<void>(resolve => {
      cancelled = resolve;
    });
    say(`answered ${JSON.stringify(await askLeave())}`);
    return end('cancelled');
  }
  if (text === 'ask') {
    say(`answered ${JSON.stringify(await askLeave())}`);
    return end('end_turn');
  }
  if (text === 'leave open') {
    update({ sessionUpdate: 'tool_call', toolCallId: 'left open', kind: 'read' });
    return end('end_turn');
  }
  if (text === 'close late') {
    update({ sessionUpdate: 'tool_call_update', toolCallId: 'left open', status: 'completed' });
    return end('end_turn');
  }
  send({
    id,
    error: { code: -32603, message: 'Internal error', data: { details: `no ${process.cwd()} for secret-value` } },
  });
}

for await (const text of createInterface({ input: process.stdin })) {
  const { id, method, params, result } = line.parse(JSON.parse(text));
  if (method === 'initialize') send({ id, result: { protocolVersion: 1, agentCapabilities: {} } });
  else if (method === 'session/new' && newParams.parse(params).cwd.endsWith('/ends-at-once')) process.exit(3);
  else if (method === 'session/new') {
    sessionId = `session-${++sessions}`;
    send({ id, result: { sessionId } });
  } else if (method === 'session/prompt') {
    const asked = promptParams.parse(params);
    sessionId = asked.sessionId;
    void prompt(id, asked.prompt[0]?.text ?? '');
  } else if (method === 'session/cancel') cancelled();
  else if (method === undefined && id === 'ask-1') answered(result);
}
