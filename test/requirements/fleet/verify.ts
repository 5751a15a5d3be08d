import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../../support/eventually.ts';
import { type FakeCoder, startFakeCoder } from '../../support/fake-coder/fake-coder.ts';
import type { FakeTask } from '../../support/fake-coder/fleet.ts';
import { commandLine } from '../../support/command-line.ts';
import { type CliRun, type RunningServer, scratchDirectory } from '../../support/server.ts';
import { type WireName, wireNames } from '../../support/wires.ts';
import { asOperations, type Caller, httpCaller, type Json, listOf, mcpCaller } from '../callers.ts';
import { connectMcp, type Declaring, declareVerifications, type Given, type Manifest } from '../verify.ts';
import { AGENT_ID } from './arguments.ts';
import { requirements } from './requirements.ts';

type FleetWire = WireName | 'http, operations';
const everyWire: readonly FleetWire[] = [...wireNames, 'http, operations'];
/** One of each transport and protocol era, for what does not depend on how it is asked. */
const twoWires: readonly FleetWire[] = ['stdio, legacy', 'http, modern'];

/** A failure, whatever form the wire gives it. */
export interface Failed {
  readonly code: string;
  readonly error: string;
  readonly hint: string;
  readonly retryable: boolean;
  /** Without hint and retryable, which the envelope has there. */
  readonly details: Json;
  /** Over HTTP. */
  readonly status?: number;
}

/** Whoever uses the toolset: a client of MCP, or of `POST /api/operations/{tool}`, which gives no texts. */
type FleetCaller = Caller<Failed>;

export interface FleetSubject extends Given<FleetWire, FleetCaller>, Pick<FleetCaller, 'ok' | 'fails'> {
  readonly coder: FakeCoder;
  /** An owner of agents whom nobody else uses. */
  readonly user: string;
  /** An idle task of that owner, unless told otherwise. */
  addTask(more?: Partial<FakeTask>): FakeTask;
  /** Asks until the output is what is wanted, and answers it. */
  until(tool: string, args: Json, isIt: (output: Json) => boolean): Promise<Json>;
  /** Asks until it fails: in a cluster another hub may give for a moment what it has listed before. */
  failsAtLast(tool: string, args: Json): Promise<Failed>;
  /** What was listed before is not what is listed next: as after every change. */
  forget(): Promise<unknown>;
  /** Lists anew. */
  listed(args: Json, isIt?: (output: Json) => boolean): Promise<Json>;
  /** A directory in which agents may work. */
  readonly project: string;
}

export interface FleetVerifier {
  /** Over stdio and HTTP in both protocol eras, and as an operation of HTTP. */
  overMcp(id: string, verification: (subject: FleetSubject) => Promise<void>): void;
  /** Over one wire of each transport and era. */
  overTwo(id: string, verification: (subject: FleetSubject) => Promise<void>): void;
  readonly once: Declaring<FleetWire, FleetSubject>['once'];
}

/** What all verifications of the file share. */
export interface Grounds {
  readonly coder: FakeCoder;
  readonly project: string;
  /** A line of the command line in this process, at the hub of the server. */
  line(server: Pick<RunningServer, 'directory'>, ...words: string[]): Promise<CliRun>;
  /** A new owner of agents. */
  newUser(): string;
}

/** Declares verifications of the fleet contract: one server before one fake Coder, which has tasks and chats, for all of them. */
export function verifications(title: string, declare: (verifier: FleetVerifier, grounds: () => Grounds) => void): void {
  let grounds: Grounds | undefined;
  const there = () => grounds ?? assert.fail('the verifications were not prepared');
  const manifest: Manifest<FleetWire, FleetCaller, FleetSubject> = {
    requirements,
    connect: async (wire, place) =>
      wire === 'http, operations'
        ? httpCaller(asOperations(place.url), body => failed.parse(body))
        : mcpCaller(await connectMcp(wire, place), readEnvelope),
    subject: async given => ({ subject: subjectOf(given, there()) }),
    async prepare() {
      const scratch = await scratchDirectory();
      const project = join(scratch.path, 'projects', 'shop');
      const home = join(scratch.path, 'home');
      for (const folder of [project, home]) await mkdir(folder, { recursive: true });
      const coder = await startFakeCoder({ generation: { tasks: 'v2', chats: 'experimental' } });
      coder.fleet.addTask({ id: AGENT_ID });
      grounds = {
        coder,
        project,
        line: ({ directory }, ...words) =>
          commandLine(['fleet', ...words, '--directory', directory], { env: { HOME: home } }),
        newUser() {
          const username = `user-${coder.fleet.users.length}`;
          coder.fleet.users.push({ id: randomUUID(), username });
          return username;
        },
      };
      const env = {
        HOME: home,
        BOXSWAIN_SESSIONS_ROOTS: join(scratch.path, 'projects'),
        BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
        CODER_URL: coder.origin,
        CODER_SESSION_TOKEN: coder.token,
        CODER_MAX_RETRIES: '0',
      };
      const close = async () => {
        await scratch.remove();
        await coder.close();
      };
      return { env, close };
    },
  };
  declareVerifications(title, manifest, ({ overWires, once }) =>
    declare(
      {
        overMcp: (id, verification) => overWires(id, verification, { wires: everyWire, isAttached: true }),
        overTwo: (id, verification) => overWires(id, verification, { wires: twoWires, isAttached: true }),
        once,
      },
      there,
    ),
  );
}

function subjectOf(given: Given<FleetWire, FleetCaller>, { coder, project, newUser }: Grounds): FleetSubject {
  const { ok, fails } = given.peer;
  const user = newUser();
  const until: FleetSubject['until'] = async (tool, args, isIt) => {
    let output: Json = {};
    await eventually(async () => {
      output = await ok(tool, args);
      return isIt(output);
    });
    return output;
  };
  const failsAtLast: FleetSubject['failsAtLast'] = async (tool, args) => {
    let failure: Failed | undefined;
    await eventually(async () => {
      try {
        failure = await fails(tool, args);
      } catch (error) {
        if (!(error instanceof assert.AssertionError)) throw error;
      }
      return failure !== undefined;
    });
    return failure ?? assert.fail(`${tool} did not fail`);
  };
  const forget = () => ok('send_input_to_agent', { agent_id: AGENT_ID, input_text: 'go on' });
  return {
    ...given,
    ok,
    fails,
    failsAtLast,
    forget,
    coder,
    user,
    project,
    until,
    addTask: more => coder.fleet.addTask({ owner: user, ...more }),
    async listed(args, isIt = () => true) {
      await forget();
      return await until('list_all_agents', args, isIt);
    },
  };
}

const envelope = z.strictObject({
  success: z.literal(false),
  error: z.string(),
  error_code: z.string(),
  details: z.looseObject({ hint: z.string(), retryable: z.boolean() }),
});

function readEnvelope(output: Json): Failed {
  const { error, error_code: code, details } = envelope.parse(output);
  const { hint, retryable, ...others } = details;
  return { code, error, hint, retryable, details: others };
}

const failed = z.strictObject({
  error: z.string(),
  code: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()),
});

export const idsOf = (output: Json): unknown[] => listOf(output.agents).map(({ id }) => id);

/** As Coder tells what an agent is doing. */
export const stateOf = (state: string): NonNullable<FakeTask['state']> => ({
  state,
  message: `it is ${state}`,
  timestamp: '2026-03-01T12:30:00Z',
  uri: '',
});
