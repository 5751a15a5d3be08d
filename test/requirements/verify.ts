import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { type RunningServer, scratchDirectory } from '../support/server.ts';
import { isCluster, sharedTarget, type Target, type TargetOptions } from '../support/target.ts';
import { connectWire, type Peer as McpPeer, type WireName } from '../support/wires.ts';
import type { Requirement } from './requirement.ts';

interface Connection {
  close(): Promise<void>;
}

/** Where a connection may lead. */
export interface Place {
  /** Of the server that the http wires reach. */
  readonly url: string;
  /** For a process that a stdio wire starts. In solo mode it is all of Boxswain; in a cluster it attaches to a hub. */
  readonly directory: () => Promise<string>;
  readonly env: Record<string, string>;
}

export interface Given<Wire extends string, Peer extends Connection> {
  /** Shared by all verifications of one wire. */
  readonly peer: Peer;
  readonly wire: Wire;
  readonly url: string;
  /** What the http wires reach, and stdio wires that attach. */
  readonly target: Target;
  /** Another connection on the same wire, closed afterwards. */
  another(): Promise<Peer>;
  /** Ends the server and starts it again on its records. What was connected before is void, `peer` too. */
  restart(): Promise<void>;
}

/** How the requirements of one contract are verified. */
export interface Manifest<Wire extends string, Peer extends Connection, Subject> {
  readonly requirements: readonly Requirement[];
  connect(wire: Wire, place: Place): Promise<Peer>;
  /** What a verification is given, and what is done when it is over. */
  subject(given: Given<Wire, Peer>): Promise<{ subject: Subject; end?(): Promise<unknown> }>;
  /** The settings of what is verified, made once for each file. */
  prepare(): Promise<TargetOptions & { close?(): Promise<void> }>;
}

/** A client of the real SDK: over stdio with a process of its own, over HTTP with the server. */
export const connectMcp = async (wire: WireName, { url, directory, env }: Place): Promise<McpPeer> =>
  connectWire(wire, wire.startsWith('http') ? { url } : { directory: await directory(), env });

type OtherVerification = (server: RunningServer, target: Target) => Promise<void>;

export interface Declaring<Wire extends string, Subject> {
  /** `isAttached`: stdio wires attach to the server, in solo mode too, so that its records are those of every wire. */
  overWires(
    id: string,
    verification: (subject: Subject) => Promise<void>,
    options: { wires: readonly Wire[]; isAttached?: boolean },
  ): void;
  /** Verifications that mostly wait, and do not meet: all at once. */
  together(name: string, declare: () => void): void;
  /** With a running server at hand. */
  once(id: string, verification: OtherVerification): void;
}

/** What hangs fails by its name and holds up no other; a slow machine may be given more. */
const LIMIT = { timeout: 1000 * Number(process.env.BOXSWAIN_TEST_VERIFICATION_SECONDS ?? 120) };

/** Part of the name of the wires to verify on, such as `http`; for a short form of the whole. */
const WIRES = process.env.BOXSWAIN_TEST_WIRES ?? '';

/**
 * Declares the verifications of one file. All share one target. In solo mode each stdio wire starts one process of its own, with the
 * same `env`; in a cluster the stdio wires attach to the hubs.
 */
export function declareVerifications<Wire extends string, Peer extends Connection, Subject>(
  title: string,
  manifest: Manifest<Wire, Peer, Subject>,
  declare: (declaring: Declaring<Wire, Subject>) => void,
): void {
  describe(title, () => {
    const left: (() => Promise<unknown>)[] = [];
    const peers = new Map<string, Promise<Peer>>();
    let env: Record<string, string> = {};
    let started: Target | undefined;
    let attached = 0;
    const target = () => {
      if (started === undefined) throw new Error('the server did not start');
      return started;
    };
    const directory = async () => {
      const { directories } = target();
      const one = isCluster ? directories[attached++ % directories.length] : undefined;
      if (one !== undefined) return one;
      const made = await scratchDirectory();
      left.push(made.remove);
      return made.path;
    };
    const connect = (wire: Wire, isAttached: boolean) => {
      const { url, directory: own } = target().server;
      return manifest.connect(wire, { url, env, directory: isAttached ? async () => own : directory });
    };
    const closeAll = () => allOf([...peers.values()].map(peer => async () => await (await peer).close()));
    const restart = async () => {
      await closeAll();
      peers.clear();
      await target().server.stop();
      await target().again();
    };
    const requirementOf = (id: string): Requirement => {
      const found = manifest.requirements.find(requirement => requirement.id === id);
      if (!found) throw new Error(`there is no requirement ${id}`);
      return found;
    };

    before(async () => {
      const { close, ...options } = await manifest.prepare();
      if (close) left.push(close);
      env = options.env ?? {};
      started = await sharedTarget(options);
    }, LIMIT);
    after(async () => {
      await closeAll();
      await started?.close();
    }, LIMIT);
    // A hook of its own, so that it runs even when something could not be stopped.
    after(() => allOf(left), LIMIT);

    declare({
      overWires: (id, verification, { wires, isAttached = false }) => {
        const { text } = requirementOf(id);
        for (const wire of wires.filter(name => name.includes(WIRES))) {
          test(`${id}: ${text} (${wire})`, LIMIT, async ({ signal }) => {
            const name = `${wire}${isAttached ? ', attached' : ''}`;
            const connecting = peers.get(name) ?? connect(wire, isAttached);
            peers.set(name, connecting);
            const peer = await connecting.catch(error => {
              peers.delete(name);
              throw error;
            });
            const others: Peer[] = [];
            const another = async () => {
              const made = await connect(wire, isAttached);
              others.push(made);
              return made;
            };
            const given = { peer, wire, url: target().server.url, target: target(), another, restart };
            const { subject, end } = await manifest.subject(given);
            await allOf([
              () => Promise.race([verification(subject), rejectedBy(signal)]),
              () => end?.(),
              () => allOf(others.map(other => () => other.close())),
              // A peer that did not answer in time is not given to the next verification.
              () => (signal.aborted && peers.delete(name) ? peer.close() : undefined),
            ]);
          });
        }
      },
      together: (name, declareThem) => {
        describe(name, { concurrency: true }, declareThem);
      },
      once: (id, verification) => {
        test(`${id}: ${requirementOf(id).text}`, LIMIT, () => verification(target().server, target()));
      },
    });
  });
}

/** Does all of these one after another, whatever becomes of each; throws the first error. */
async function allOf(steps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Never resolves. The runner aborts the signal when a test's time is over. */
async function rejectedBy(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error('the verification was not over in time');
}
