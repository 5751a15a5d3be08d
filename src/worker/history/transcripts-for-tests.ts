import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type History, type HistoryOptions, openHistory } from './history.ts';
import { claudeSlug } from './identity.ts';
import type { HistoryRoots } from './roots.ts';

/** Transcripts in the shapes that the real programs write, small and made by hand. */

export const CWD = '/home/someone/shop';
const START = Date.UTC(2026, 10, 21, 12);

export interface ClaudeLines {
  readonly sessionId: string;
  readonly lines: string[];
  /** Uuid of the newest entry. */
  parent: string | null;
  user(content: unknown, more?: object): string;
  assistant(block: unknown, more?: { answer?: string; usage?: object; line?: object }): string;
  attachment(attachment: object): string;
  line(row: object): void;
  text(): string;
}

let made = 0;
export const testUuid = (): string => `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`;

/** A session of Claude Code; entries hang below each other unless `parentUuid` is given. */
export function claudeLines({ sessionId = testUuid(), cwd = CWD, startedAt = START } = {}): ClaudeLines {
  let time = startedAt;
  let answers = 0;
  const common = { userType: 'external', entrypoint: 'cli', cwd, sessionId, version: '2.1.329', gitBranch: 'main' };
  const entry = (row: object): string => {
    const uuid = testUuid();
    time += 1000;
    const whole = {
      parentUuid: session.parent,
      isSidechain: false,
      ...row,
      uuid,
      timestamp: new Date(time).toISOString(),
      ...common,
    };
    session.lines.push(JSON.stringify(whole));
    session.parent = uuid;
    return uuid;
  };
  const session: ClaudeLines = {
    sessionId,
    lines: [],
    parent: null,
    user: (content, more = {}) =>
      entry({ promptId: testUuid(), type: 'user', message: { role: 'user', content }, ...more }),
    assistant: (block, { answer = `msg_${sessionId}_${answers++}`, usage, line = {} } = {}) =>
      entry({
        message: {
          id: answer,
          type: 'message',
          role: 'assistant',
          model: 'claude-x',
          content: [block],
          stop_reason: 'end_turn',
          usage: {
            input_tokens: 10,
            output_tokens: 2,
            cache_read_input_tokens: 5,
            cache_creation_input_tokens: 1,
            ...usage,
          },
        },
        type: 'assistant',
        ...line,
      }),
    attachment: attachment => {
      const uuid = testUuid();
      // The real order of fields, which the quick look relies on.
      session.lines.push(
        JSON.stringify({
          parentUuid: session.parent,
          isSidechain: false,
          attachment,
          type: 'attachment',
          uuid,
          timestamp: new Date(time).toISOString(),
          ...common,
        }),
      );
      session.parent = uuid;
      return uuid;
    },
    line: row => session.lines.push(JSON.stringify({ ...row, sessionId })),
    text: () => session.lines.map(line => `${line}\n`).join(''),
  };
  return session;
}

export const says = (text: string) => ({ type: 'text', text });
export const calls = (id: string, command: string) => ({ type: 'tool_use', id, name: 'Bash', input: { command } });
export const result = (id: string, content: unknown, isError = false) => [
  { type: 'tool_result', tool_use_id: id, content, is_error: isError },
];

/** A rollout of Codex with one prompt, a call of a tool and an answer. */
export function codexLines(
  id: string,
  { cwd = CWD, answer = 'Done by codex', forkedFrom }: { cwd?: string; answer?: string; forkedFrom?: string } = {},
): string {
  const usage = {
    input_tokens: 100,
    cached_input_tokens: 40,
    cache_write_input_tokens: 0,
    output_tokens: 20,
    reasoning_output_tokens: 5,
    total_tokens: 120,
  };
  const rows: [string, object][] = [
    [
      'session_meta',
      {
        session_id: id,
        id,
        timestamp: '2026-11-21T12:00:00.000Z',
        cwd,
        forked_from_id: forkedFrom,
        base_instructions: { text: 'secretinstructions' },
      },
    ],
    [
      'response_item',
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'secretinstructions' }] },
    ],
    [
      'response_item',
      {
        type: 'message',
        id: 'm1',
        role: 'user',
        content: [{ type: 'input_text', text: '<environment_context>\n</environment_context>' }],
      },
    ],
    ['turn_context', { cwd, model: 'gpt-x' }],
    [
      'response_item',
      { type: 'message', id: 'm2', role: 'user', content: [{ type: 'input_text', text: 'Look around' }] },
    ],
    [
      'event_msg',
      { type: 'item_completed', item: { type: 'UserMessage', content: [{ type: 'text', text: 'Look around' }] } },
    ],
    [
      'response_item',
      { type: 'function_call', id: 'f1', name: 'exec_command', arguments: '{"cmd":"ls /codexdir"}', call_id: 'c1' },
    ],
    ['response_item', { type: 'function_call_output', id: 'o1', call_id: 'c1', output: 'one file' }],
    [
      'response_item',
      { type: 'message', id: 'm3', role: 'assistant', content: [{ type: 'output_text', text: answer }] },
    ],
    ['token_usage_record', { thread_id: forkedFrom ?? id, response_id: 'resp_1', usage }],
    ['event_msg', { type: 'token_count', info: { total_token_usage: usage, last_token_usage: usage } }],
  ];
  return rows
    .map(
      ([type, payload], ordinal) =>
        `${JSON.stringify({ timestamp: `2026-11-21T12:00:0${ordinal % 10}.000Z`, ordinal, type, payload })}\n`,
    )
    .join('');
}

/** A folder of its own with the folders of agents in it; gone when the test is over. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly roots: Required<HistoryRoots>;
  readonly index: string;
  /** Writes Claude Code's transcript of a session and gives its path. */
  claude(
    session: { readonly sessionId: string; text(): string },
    options?: { cwd?: string; text?: string | Buffer },
  ): Promise<string>;
  write(path: string, text: string | Buffer): Promise<string>;
  /** Opens the history of what is there and waits until it is read. */
  open(options?: Partial<HistoryOptions>): Promise<History>;
}

export async function testPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  const below = (name: string): string => join(folder, name);
  const roots = {
    claude: below('claude'),
    codex: below('codex'),
    gemini: below('gemini'),
    opencode: below('opencode'),
    opencodeConfig: below('opencode-config'),
    scripted: below('scripted'),
  };
  const index = join(folder, 'index', 'history.db');
  const write = async (path: string, text: string | Buffer): Promise<string> => {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return file;
  };
  return {
    folder,
    roots,
    index,
    write,
    claude: (session, { cwd = CWD, text = session.text() } = {}) =>
      write(join('claude', 'projects', claudeSlug(cwd), `${session.sessionId}.jsonl`), text),
    open: async options => {
      const history = await openHistory({ path: index, roots, ...options });
      await history.caughtUp;
      return history;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
