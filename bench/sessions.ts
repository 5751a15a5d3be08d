import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { InputQueue } from '../src/worker/agents/drivers/claude/input-queue.ts';
import { type Bench, measurement } from './support/measure.ts';
import { type Heard, openSessionServer, type SessionServer } from './support/session-server.ts';
import { median, percentile } from './support/statistics.ts';

const WARM_UP = 5;
/**
 * One prompt takes an agent half as long again as the next, by what its collector and compiler do in that moment, and its first twenty
 * get quicker one by one: many prompts to many processes, some at a time.
 */
const BATCHES = 3;
const PAIRS = 6;
const PROMPTS = 28;
/** By then no program of an agent is one that is just being opened, which a prompt has to look at. */
const SETTLE_MS = 6_000;
/** Turns that a server which has just started has behind it: a few with the agent, many with one that costs nothing. */
const EARLIER_TURNS = { claude: 20, scripted: 1500 };
const INTERRUPTS = 40;
/** After a turn transcripts are written and read; nobody has the next prompt in that moment. */
const REST_MS = 150;
const AT_ONCE = 20;
const ROUNDS = 3;
const PARTS = 20;
const WORDS = 10;
const EVERY_MS = 20;

/** What sessions add to agents: against Claude Code driven by its SDK alone, against a fixed time, and against one session alone. */
export const sessions: Bench = {
  name: 'sessions',
  run: async () => {
    const server = await openSessionServer();
    try {
      for (const [agent, turns] of Object.entries(EARLIER_TURNS)) await converse(server, { agent, turns });
      return [
        ...(await firstEvents(server)),
        await interrupts(server, 'claude'),
        await interrupts(server, 'scripted'),
        await streams(server),
      ];
    } finally {
      await server.close();
    }
  },
};

/** So many turns of a session of its own. */
async function converse(server: SessionServer, { agent, turns }: { agent: string; turns: number }) {
  const session_id = await server.create(agent);
  for (let at = 0; at < turns; at++) {
    const idle = server.next(event => isIdle(event, session_id));
    await server.ask('send_prompt', { session_id, text: '#say hello' });
    await idle;
  }
  await server.ask('dispose_session', { session_id });
}

/** Both are live and idle; the model begins at once. */
async function firstEvents(server: SessionServer) {
  const home = await copyOfHome(server);
  const before = await driveDirectly(server, home);
  for (let at = 0; at < EARLIER_TURNS.claude; at++) await before.prompt('#say hello');
  before.close();
  const samples: Samples = { ours: [], direct: [] };
  for (let batch = 0; batch < BATCHES; batch++) await firstEventsOfBatch(server, home, samples);
  const of = (what: keyof Times) => ({
    unit: 'ms',
    value: median(samples.ours.map(times => times[what])),
    baselineValue: median(samples.direct.map(times => times[what])),
  });
  return [
    measurement({
      name: 'send_prompt to the first event, p50',
      baseline: 'Claude Code driven by its SDK: its first message',
      ...of('first'),
      budget: { atMost: 1.1 },
    }),
    measurement({
      name: 'send_prompt to the first event of the answer, p50',
      baseline: 'Claude Code driven by its SDK: the beginning of the answer',
      ...of('answer'),
      budget: { atMost: 1.1 },
    }),
  ];
}

/** From a prompt, milliseconds. */
interface Times {
  readonly first: number;
  readonly answer: number;
}

interface Samples {
  readonly ours: Times[];
  readonly direct: Times[];
}

async function firstEventsOfBatch(server: SessionServer, home: string, samples: Samples) {
  const pairs: Pair[] = [];
  for (let at = 0; at < PAIRS; at++)
    pairs.push({ direct: await driveDirectly(server, home), session_id: await server.create('claude') });
  await delay(SETTLE_MS);
  for (const pair of pairs) await firstEventsOfPair(server, samples, pair);
  for (const { direct, session_id } of pairs) {
    direct.close();
    await server.ask('dispose_session', { session_id });
  }
}

interface Pair {
  readonly direct: Awaited<ReturnType<typeof driveDirectly>>;
  readonly session_id: string;
}

/** They take turns at being first: what an agent does after its turn may be in the way of the next one's. */
async function firstEventsOfPair(server: SessionServer, samples: Samples, { direct, session_id }: Pair) {
  const drivers = [
    { ask: () => direct.prompt('#say hello'), times: samples.direct },
    { ask: () => prompted(server, session_id), times: samples.ours },
  ];
  for (let at = 0; at < WARM_UP + PROMPTS; at++) {
    for (const { ask, times } of drivers) {
      await delay(REST_MS);
      const taken = await ask();
      if (at >= WARM_UP) times.push(taken);
    }
    drivers.reverse();
  }
}

/** Settles at the end of the turn. */
async function prompted(server: SessionServer, session_id: string): Promise<Times> {
  const isOurs = (event: Heard) => event.sessionId === session_id || event.session?.id === session_id;
  const isAnswer = (event: Heard) =>
    isOurs(event) && event.type === 'message.created' && event.message?.role === 'assistant';
  const heard = [server.next(isOurs), server.next(isAnswer), server.next(event => isIdle(event, session_id))];
  const start = performance.now();
  await server.ask('send_prompt', { session_id, text: '#say hello' });
  const [first = Number.NaN, answer = Number.NaN] = (await Promise.all(heard)).map(({ at }) => at - start);
  return { first, answer };
}

/**
 * For agents that we do not drive: turns of theirs in the same home would make the server look who has which session open.
 */
async function copyOfHome({ agents: { env } }: SessionServer): Promise<string> {
  const home = `${env.CLAUDE_CONFIG_DIR}-direct`;
  // Its locks come and go.
  const filter = (path: string) => !path.endsWith('.lock');
  await cp(env.CLAUDE_CONFIG_DIR ?? '', home, { recursive: true, filter });
  return home;
}

/** The same program with the same options, messages and model, without anything of ours. */
async function driveDirectly({ agents, project }: SessionServer, home: string) {
  const { query: start } = await import('@anthropic-ai/claude-agent-sdk');
  const input = new InputQueue<SDKUserMessage>();
  const sessionId = randomUUID();
  const query = start({
    prompt: input,
    options: {
      cwd: project,
      env: { ...agents.env, CLAUDE_CONFIG_DIR: home },
      pathToClaudeCodeExecutable: agents.env.CLAUDE_BIN ?? 'claude',
      includePartialMessages: true,
      forwardSubagentText: true,
      settingSources: ['user', 'project', 'local'],
      permissionMode: 'default',
      canUseTool: async () => ({ behavior: 'deny', message: 'no tool is asked for here' }),
      sessionId,
    },
  });
  await query.initializationResult();
  let hear: (message: SDKMessage) => void = () => {};
  const ended = (async () => {
    for await (const message of query) hear(message);
    throw new Error('Claude Code ended');
  })();
  ended.catch(() => {});
  return {
    /** Settles at the end of the turn. */
    async prompt(text: string): Promise<Times> {
      const begun = performance.now();
      let [first, answer] = [Number.NaN, Number.NaN];
      const over = Promise.withResolvers<void>();
      hear = message => {
        const ms = performance.now() - begun;
        if (Number.isNaN(first)) first = ms;
        if (message.type === 'stream_event' && message.event.type === 'message_start') answer = ms;
        if (message.type === 'result') over.resolve();
      };
      const message = { role: 'user', content: text } as const;
      input.put({ type: 'user', uuid: randomUUID(), session_id: sessionId, parent_tool_use_id: null, message });
      await Promise.race([over.promise, ended]);
      hear = () => {};
      return { first, answer };
    },
    close: () => {
      input.end();
      query.close();
    },
  };
}

async function interrupts(server: SessionServer, agent: string) {
  const session_id = await server.create(agent);
  const samples: number[] = [];
  for (let at = 0; at < WARM_UP + INTERRUPTS; at++) {
    const streaming = server.next(event => event.sessionId === session_id && event.delta?.includes('word5 ') === true);
    const idle = server.next(event => isIdle(event, session_id));
    await server.ask('send_prompt', { session_id, text: '#slow 5000 10' });
    await streaming;
    const start = performance.now();
    await server.ask('abort_session', { session_id });
    const ms = (await idle).at - start;
    if (at >= WARM_UP) samples.push(ms);
  }
  await server.ask('dispose_session', { session_id });
  return measurement({
    name: `interrupt to stopped, ${agent}, p95`,
    unit: 'ms',
    baseline: 'a fixed time',
    value: percentile(samples, 0.95),
    baselineValue: 100,
    budget: { atMost: 1 },
  });
}

/** How late what an agent said is heard, by the agent's own clock. Throws when a word is lost, doubled or out of order. */
async function streams(server: SessionServer) {
  const ids: string[] = [];
  for (let at = 0; at < AT_ONCE; at++) ids.push(await server.create('scripted'));
  const samples: { alone: number[]; together: number[] } = { alone: [], together: [] };
  const [one = ''] = ids;
  for (let round = 0; round < ROUNDS; round++) {
    samples.alone.push(...(await follow(server, one)));
    const together = await Promise.all(ids.map(id => follow(server, id)));
    samples.together.push(...together.flat());
  }
  for (const session_id of ids) await server.ask('dispose_session', { session_id });
  return measurement({
    name: `delay of what ${AT_ONCE} sessions say at once, p95`,
    unit: 'ms',
    baseline: 'one session alone',
    value: percentile(samples.together, 0.95),
    baselineValue: percentile(samples.alone, 0.95),
    budget: { atMostMore: 50 },
  });
}

const SCRIPT = Array.from({ length: PARTS }, () => `#slow ${WORDS} ${EVERY_MS}`).join('\n');
const TEXT = Array.from({ length: WORDS }, (_, at) => `word${at + 1} `).join('');

/** One turn of many parts, each word of it counted; milliseconds that the end of each part was late. */
async function follow(server: SessionServer, session_id: string): Promise<number[]> {
  const said = new Map<string, string>();
  const delays: number[] = [];
  const over = server.next(event => {
    if (event.sessionId !== session_id) return false;
    const { partId, delta, part, date } = event;
    if (partId !== undefined && delta !== undefined) said.set(partId, (said.get(partId) ?? '') + delta);
    if (event.type === 'message.part.updated' && part?.type === 'text' && part.time?.end !== undefined) {
      if (said.get(part.id) !== part.text)
        throw new Error(`the words of a part are not its text: ${said.get(part.id)}`);
      delays.push(date - part.time.end);
    }
    return isIdle(event, session_id);
  });
  await server.ask('send_prompt', { session_id, text: SCRIPT });
  await over;
  const isWhole = said.size === PARTS && [...said.values()].every(text => text === TEXT) && delays.length === PARTS;
  if (!isWhole) throw new Error(`words were lost: ${said.size} parts, ${delays.length} ends`);
  return delays;
}

const isIdle = (event: Heard, sessionId: string): boolean =>
  event.sessionId === sessionId && event.type === 'session.idle';
