import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { type RunningServer, scratchDirectory } from '../support/server.ts';
import { isCluster, startTarget, type Target, type TargetOptions } from '../support/target.ts';
import { type CallOptions, type Peer, type WireName, connectWire, wireNames } from '../support/wires.ts';
import { type Requirement, requirements } from './requirements.ts';

/** What a verification over MCP is given: a connected peer and a workspace of its own, deleted afterwards. */
export interface McpSubject {
  readonly peer: Peer;
  readonly wire: WireName;
  readonly workspaceId: string;
  /** Of the server that the http wires reach. */
  readonly url: string;
  /** Calls in that workspace; fails the test when the call fails. */
  ok(tool: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  fails: Peer['fails'];
  call(tool: string, args?: Record<string, unknown>, options?: CallOptions): ReturnType<Peer['call']>;
  /** Another client on the same wire, closed afterwards. */
  another(): Promise<Peer>;
}

type McpVerification = (subject: McpSubject) => Promise<void>;
type OtherVerification = (server: RunningServer, target: Target) => Promise<void>;

export interface Verifier {
  /** Verifies a requirement over stdio and HTTP in both protocol eras. */
  overMcp(id: string, verification: McpVerification): void;
  /** Verifies a requirement of HTTP, the CLI or the process, with a running server at hand. */
  once(id: string, verification: OtherVerification): void;
}

/** What hangs fails by its name and holds up no other. */
const VERIFICATION = { timeout: 120_000 };
const HOOK = { timeout: 90_000 };

/** Part of the name of the wires to verify on, such as `http`; for a short form of the whole. */
const WIRES = process.env.BOXSWAIN_TEST_WIRES ?? '';

const createdSchema = z.looseObject({ workspace_id: z.string() });

/**
 * Declares the verifications of one file. All share one target. In solo mode each stdio wire starts one process of its own, with the
 * same `env`; in a cluster the stdio wires attach to the hubs.
 */
export function verifications(
  title: string,
  declare: (verifier: Verifier) => void,
  setting: Pick<TargetOptions, 'workers'> & { env?: () => Promise<Record<string, string>> } = {},
): void {
  describe(title, () => {
    const scratch: { path: string; remove(): Promise<void> }[] = [];
    const peers = new Map<WireName, Peer>();
    let env: Record<string, string> = {};
    let started: Target | undefined;
    let attached = 0;
    const target = () => {
      if (started === undefined) throw new Error('the server did not start');
      return started;
    };
    const directoryForStdio = async () => {
      const { directories } = target();
      if (isCluster) return directories[attached++ % directories.length];
      const made = await scratchDirectory();
      scratch.push(made);
      return made.path;
    };
    const connect = async (wire: WireName) =>
      connectWire(
        wire,
        wire.startsWith('http') ? { url: target().server.url } : { directory: await directoryForStdio(), env },
      );
    const peerOf = async (wire: WireName) => {
      const peer = peers.get(wire) ?? (await connect(wire));
      peers.set(wire, peer);
      return peer;
    };

    before(async () => {
      env = (await setting.env?.()) ?? {};
      started = await startTarget({ env, workers: setting.workers });
    }, HOOK);
    after(async () => {
      await allOf([...peers.values()].map(peer => () => peer.close()));
      await started?.close();
    }, HOOK);
    // A hook of its own, so that it runs even when something could not be stopped.
    after(() => allOf(scratch.map(made => () => made.remove())), HOOK);

    declare({
      overMcp: (id, verification) => {
        const { text } = requirementOf(id);
        for (const wire of wireNames.filter(name => name.includes(WIRES))) {
          test(`${id}: ${text} (${wire})`, VERIFICATION, async ({ signal }) => {
            const peer = await peerOf(wire);
            const others: Peer[] = [];
            const another = async () => {
              const made = await connect(wire);
              others.push(made);
              return made;
            };
            const { workspace_id: workspaceId } = createdSchema.parse(await peer.ok('workspace_create', {}));
            const inWorkspace = (args: Record<string, unknown> = {}) => ({ workspace_id: workspaceId, ...args });
            const subject: McpSubject = {
              peer,
              wire,
              workspaceId,
              url: target().server.url,
              ok: (tool, args) => peer.ok(tool, inWorkspace(args)),
              fails: (tool, args) => peer.fails(tool, inWorkspace(args)),
              call: (tool, args, options) => peer.call(tool, inWorkspace(args), options),
              another,
            };
            await allOf([
              () => Promise.race([verification(subject), rejectedBy(signal)]),
              () =>
                peer.call('workspace_delete', { workspace_id: workspaceId }, { signal: AbortSignal.timeout(10_000) }),
              () => allOf(others.map(other => () => other.close())),
              // A peer that did not answer in time is not given to the next verification.
              () => (signal.aborted && peers.delete(wire) ? peer.close() : undefined),
            ]);
          });
        }
      },
      once: (id, verification) => {
        test(`${id}: ${requirementOf(id).text}`, VERIFICATION, () => verification(target().server, target()));
      },
    });
  });
}

function requirementOf(id: string): Requirement {
  const found = requirements.find(requirement => requirement.id === id);
  if (!found) throw new Error(`there is no requirement ${id}`);
  return found;
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
