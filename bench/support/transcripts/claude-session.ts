import { type Words, words } from './words.ts';

/**
 * A session of Claude Code 2.1 as it lies on disk: every kind of line in the order, with the fields and about the sizes that the real
 * program writes. A conversation is 3 to 7 % of it, prompt snapshots and shapes of requests are most of the rest.
 */
export function claudeSession({
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
  const sessionId = source.uuid();
  const lines: string[] = [];
  let parent: string | null = null;
  let time = startedAt;
  const stamp = (): string => {
    time += 1500;
    return new Date(time).toISOString();
  };
  const common = { userType: 'external', entrypoint: 'cli', cwd, sessionId, version: '2.1.329', gitBranch: 'main' };
  const write = (line: unknown): void => {
    lines.push(JSON.stringify(line));
  };
  const attach = (attachment: unknown, rendered?: string): void => {
    const uuid = source.uuid();
    write({
      parentUuid: parent,
      isSidechain: false,
      attachment,
      type: 'attachment',
      uuid,
      timestamp: stamp(),
      rendered: rendered && [{ content: rendered }],
      ...common,
    });
    parent = uuid;
  };
  const user = (content: unknown, more: object): void => {
    const uuid = source.uuid();
    write({
      parentUuid: parent,
      isSidechain: false,
      promptId: source.uuid(),
      type: 'user',
      message: { role: 'user', content },
      uuid,
      timestamp: stamp(),
      ...more,
      ...common,
    });
    parent = uuid;
  };
  const request = (): void => {
    write({
      type: 'api-request',
      sessionId,
      id: source.uuid(),
      timestamp: stamp(),
      version: '2.1.329',
      querySource: 'repl',
      params: filler.params,
    });
  };
  let answers = 0;
  const answer = (blocks: readonly unknown[], stopReason: string): void => {
    const id = `msg_${sessionId.slice(0, 8)}_${answers++}`;
    const usage = {
      input_tokens: 3 + source.below(2000),
      cache_creation_input_tokens: source.below(4000),
      cache_read_input_tokens: source.below(60_000),
      output_tokens: source.below(900),
      server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
      service_tier: 'standard',
    };
    for (const [index, block] of blocks.entries()) {
      const uuid = source.uuid();
      write({
        parentUuid: parent,
        isSidechain: false,
        message: {
          id,
          type: 'message',
          role: 'assistant',
          model: 'claude-opus-5-5',
          content: [block],
          stop_reason: stopReason,
          stop_sequence: null,
          usage,
        },
        apiBlockIndex: index,
        type: 'assistant',
        uuid,
        timestamp: stamp(),
        ...common,
      });
      parent = uuid;
    }
  };

  user(source.text(6 + source.below(20)), { permissionMode: 'default', promptSource: 'typed' });
  attach(
    { type: 'environment', snapshot: { workingDirectory: cwd, isGitRepo: true, platform: 'linux' } },
    filler.small,
  );
  attach({ type: 'agent_listing_delta', addedTypes: ['Explore', 'Plan'] }, filler.small);
  attach({ type: 'skill_listing', content: filler.skills }, filler.skills);
  attach({ type: 'prompt_snapshot', systemPrompt: [filler.system] });
  write({
    type: 'api-request-shape',
    sessionId,
    shapeHash: source.uuid(),
    timestamp: stamp(),
    version: '2.1.329',
    shape: filler.shape,
  });
  write({
    type: 'api-request-blob',
    sessionId,
    hash: source.uuid(),
    message: { role: 'system', content: filler.skills },
  });
  for (let turn = 0; turn < turns; turn++) {
    if (turn > 0) user(source.text(4 + source.below(30)), { permissionMode: 'default', promptSource: 'typed' });
    request();
    const call = `toolu_${sessionId.slice(0, 8)}_${turn}`;
    answer(
      [
        { type: 'text', text: source.text(8 + source.below(30)) },
        {
          type: 'tool_use',
          id: call,
          name: 'Bash',
          input: { command: `grep -rn ${source.text(2)} src`, description: source.text(4) },
        },
      ],
      'tool_use',
    );
    const output = source.text(10 + source.below(80));
    user([{ tool_use_id: call, type: 'tool_result', content: output }], {
      toolUseResult: { stdout: output, stderr: '', interrupted: false },
    });
    attach({ type: 'prompt_snapshot', systemPrompt: [filler.snapshots[source.below(filler.snapshots.length)]] });
    request();
    answer([{ type: 'text', text: source.text(20 + source.below(80)) }], 'end_turn');
    write({ type: 'last-prompt', lastPrompt: filler.small.slice(0, 60), leafUuid: parent, sessionId });
  }
  write({
    type: 'cost-state',
    sessionId,
    totalCostUSD: answers * 0.01,
    totalAPIDuration: 400,
    startTime: startedAt,
    modelUsage: {
      'claude-opus-5-5': { inputTokens: answers * 1000, outputTokens: answers * 300, costUSD: answers * 0.01 },
    },
    hasUnknownModelCost: false,
  });
  return { id: sessionId, lines: `${lines.join('\n')}\n` };
}

/** The same in all sessions, as instructions and tools are. */
const prose = words(1);
const filler = {
  small: prose.text(60),
  skills: prose.text(900),
  system: `\nYou are an agent.\n\n"Rules":\n${prose.text(900)}`,
  snapshots: Array.from({ length: 8 }, () => `\nYou are an agent.\n\n"Rules":\n${prose.text(6500)}`),
  shape: {
    system: [{ type: 'text', text: prose.text(700) }],
    tools: Array.from({ length: 12 }, () => ({
      name: prose.text(1),
      description: prose.text(250),
      input_schema: { type: 'object' },
    })),
  },
  params: { model: 'claude-opus-5-5', max_tokens: 64_000, thinking: { type: 'adaptive' }, metadata: prose.text(120) },
};
