import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { commandLine } from '../../support/command-line.ts';
import { eventually } from '../../support/eventually.ts';
import { type CliRun, cleanEnvironment } from '../../support/server.ts';
import { type CallOptions, type CallResult, type Peer, type WireName, wireNames } from '../../support/wires.ts';
import { connectMcp, type Declaring, declareVerifications, type Given, type Manifest, type Place } from '../verify.ts';
import { type Grounds, prepareGrounds } from './grounds.ts';
import { requirements } from './requirements.ts';

export type SessionWire = WireName | 'http, operations';
const everyWire: readonly SessionWire[] = [...wireNames, 'http, operations'];
/** One of each transport and protocol era, for what does not depend on how it is asked. */
const twoWires: readonly SessionWire[] = ['stdio, legacy', 'http, modern'];
const oneServer: readonly SessionWire[] = [...twoWires, 'http, operations'];

/** Whoever calls tools: a client of MCP, or of `POST /api/operations/{tool}`, which gives no texts. */
export interface ToolCaller extends Pick<Peer, 'call' | 'ok' | 'fails' | 'close'> {
  /** Of MCP. */
  readonly client?: Peer['client'];
}

export interface SessionSubject extends Given<SessionWire, ToolCaller>, Pick<ToolCaller, 'call' | 'ok' | 'fails'> {
  /** A directory in which agents may work; another one for each file. */
  readonly project: string;
  /** Starts a session of the scripted agent there; its id. Disposed of when the verification is over. */
  create(args?: Record<string, unknown>): Promise<string>;
  /** A session that the verifications of one wire share, at rest; for what does not ask whose turns were before. */
  resting(): Promise<string>;
  /** `send_and_wait`. */
  say(session_id: string, text: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export interface SessionVerifier {
  /** Over stdio and HTTP in both protocol eras, and as an operation of HTTP. */
  overMcp(id: string, verification: (subject: SessionSubject) => Promise<void>): void;
  /** Over one wire of each transport and era. */
  overTwo(id: string, verification: (subject: SessionSubject) => Promise<void>): void;
  /** The same and as an operation of HTTP, all at one server: `target` has the records of whatever is asked. */
  overRecords(id: string, verification: (subject: SessionSubject) => Promise<void>): void;
  readonly once: Declaring<SessionWire, SessionSubject>['once'];
  readonly together: Declaring<SessionWire, SessionSubject>['together'];
}

const createdSchema = z.looseObject({ sessionId: z.string() });
const statusSchema = z.looseObject({ session: z.looseObject({ status: z.string() }) });
const sharedSessions = new WeakMap<ToolCaller, string>();

/** Declares verifications of the sessions contract, with the scripted agent, and with transcripts that `before` writes. */
export function verifications(
  title: string,
  declare: (verifier: SessionVerifier, grounds: () => Grounds) => void,
  { env = {}, before }: { env?: Record<string, string>; before?: (grounds: Grounds) => Promise<void> } = {},
): void {
  let grounds: Grounds | undefined;
  const there = () => {
    if (grounds === undefined) throw new Error('the verifications were not prepared');
    return grounds;
  };
  const manifest: Manifest<SessionWire, ToolCaller, SessionSubject> = {
    requirements,
    connect: async (wire: SessionWire, place: Place): Promise<ToolCaller> =>
      wire === 'http, operations' ? operationsCaller(place.url) : connectMcp(wire, place),
    subject: async (given: Given<SessionWire, ToolCaller>) => subjectOf(given, join(there().projects, 'shop')),
    async prepare() {
      const { grounds: made, options } = await prepareGrounds();
      grounds = made;
      await before?.(made);
      return { ...options, env: { ...options.env, ...env } };
    },
  };
  declareVerifications(title, manifest, ({ overWires, once, together }) =>
    declare(
      {
        overMcp: (id, verification) => overWires(id, verification, { wires: everyWire }),
        overTwo: (id, verification) => overWires(id, verification, { wires: twoWires }),
        overRecords: (id, verification) => overWires(id, verification, { wires: oneServer, isAttached: true }),
        once,
        together,
      },
      there,
    ),
  );
}

function subjectOf(given: Given<SessionWire, ToolCaller>, project: string) {
  const { peer } = given;
  const made: string[] = [];
  const start = async (args?: Record<string, unknown>) => {
    const created = await peer.ok('create_session', { agent: 'scripted', cwd: project, ...args });
    return createdSchema.parse(created).sessionId;
  };
  const subject: SessionSubject = {
    ...given,
    ok: peer.ok,
    fails: peer.fails,
    call: peer.call,
    project,
    async create(args) {
      const sessionId = await start(args);
      made.push(sessionId);
      return sessionId;
    },
    async resting() {
      const session_id = sharedSessions.get(peer) ?? (await start());
      sharedSessions.set(peer, session_id);
      await eventually(async () => {
        const { session } = statusSchema.parse(await peer.ok('get_session', { session_id, limit: 1 }));
        // What a verification that failed has left.
        if (session.status === 'waiting_permission') await peer.ok('abort_session', { session_id });
        return ['idle', 'parked'].includes(session.status);
      });
      return session_id;
    },
    say: (session_id, text, args) => peer.ok('send_and_wait', { session_id, text, ...args }),
  };
  const end = async () => {
    await Promise.all(made.map(session_id => peer.call('dispose_session', { session_id })));
  };
  return { subject, end };
}

const errorSchema = z.object({
  error: z.string(),
  code: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()),
});

/** A line of the command line, as a user types it who has nothing configured; in this process, as a new one takes as long as all else. */
export const typed = async (words: readonly string[], env: Record<string, string> = {}): Promise<CliRun> =>
  await commandLine(words, { env: cleanEnvironment({ XDG_CONFIG_HOME: tmpdir(), ...env }) });

/** Asks the operations over HTTP. */
export function operationsCaller(url: string): ToolCaller {
  const call = async (
    tool: string,
    args: Record<string, unknown> = {},
    { signal }: CallOptions = {},
  ): Promise<CallResult> => {
    const response = await fetch(`${url}/api/operations/${tool}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(args),
      signal,
    });
    const output: Record<string, unknown> = Object(await response.json());
    if (response.ok) return { isError: false, output, text: [] };
    const { error: message, ...rest } = errorSchema.parse(output);
    return { isError: true, output: {}, text: [], error: { message, ...rest } };
  };
  return {
    call,
    async ok(tool, args) {
      const { isError, output, error } = await call(tool, args);
      if (isError) throw new Error(`${tool} failed: ${JSON.stringify(error)}`);
      return output;
    },
    async fails(tool, args) {
      const { error, output } = await call(tool, args);
      if (error === undefined) throw new Error(`${tool} did not fail: ${JSON.stringify(output)}`);
      return error;
    },
    close: async () => {},
  };
}
