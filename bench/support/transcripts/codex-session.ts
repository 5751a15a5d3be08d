import { type Words, words } from './words.ts';

/** A rollout of Codex 0.166 as it lies on disk, with the lines that hold the same thing twice. */
export function codexSession({
  words: source,
  cwd,
  turns,
  startedAt,
}: {
  words: Words;
  cwd: string;
  turns: number;
  startedAt: number;
}): {
  id: string;
  lines: string;
} {
  const id = source.uuid();
  const lines: string[] = [];
  let time = startedAt;
  const write = (type: string, payload: object): void => {
    time += 900;
    lines.push(JSON.stringify({ timestamp: new Date(time).toISOString(), ordinal: lines.length, type, payload }));
  };
  const item = (payload: object): void => write('response_item', payload);
  const message = (role: string, text: string): void => {
    item({
      type: 'message',
      id: `msg_${source.uuid()}`,
      role,
      content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
    });
    write('event_msg', {
      type: 'item_completed',
      thread_id: id,
      item: { type: role, content: [{ type: 'text', text }] },
    });
  };
  write('session_meta', {
    session_id: id,
    id,
    timestamp: new Date(startedAt).toISOString(),
    cwd,
    originator: 'codex_cli',
    cli_version: '0.166.0',
    base_instructions: { text: filler.instructions },
  });
  item({ type: 'message', role: 'developer', content: [{ type: 'input_text', text: filler.instructions }] });
  item({
    type: 'message',
    role: 'user',
    content: [{ type: 'input_text', text: `<environment_context>\n<cwd>${cwd}</cwd>\n</environment_context>` }],
  });
  let input = 0;
  for (let turn = 0; turn < turns; turn++) {
    write('turn_context', {
      turn_id: source.uuid(),
      cwd,
      approval_policy: 'on-request',
      model: 'gpt-6',
      summary: 'none',
    });
    write('world_state', { full: true, state: { instructions: filler.state } });
    message('user', source.text(6 + source.below(30)));
    const call = `call_${source.uuid()}`;
    item({
      type: 'function_call',
      id: `fc_${source.uuid()}`,
      name: 'exec_command',
      arguments: JSON.stringify({ cmd: `rg ${source.text(2)}` }),
      call_id: call,
    });
    item({
      type: 'function_call_output',
      id: `fco_${source.uuid()}`,
      call_id: call,
      output: source.text(10 + source.below(80)),
    });
    message('assistant', source.text(20 + source.below(80)));
    const usage = {
      input_tokens: 1000,
      cached_input_tokens: 600,
      cache_write_input_tokens: 0,
      output_tokens: 200,
      reasoning_output_tokens: 20,
      total_tokens: 1200,
    };
    input += usage.total_tokens;
    write('token_usage_record', { thread_id: id, session_id: id, response_id: `resp_${source.uuid()}`, usage });
    write('event_msg', {
      type: 'token_count',
      info: { total_token_usage: { ...usage, total_tokens: input }, last_token_usage: usage },
    });
  }
  return { id, lines: `${lines.join('\n')}\n` };
}

const prose = words(2);
const filler = { instructions: prose.text(2600), state: prose.text(2200) };
