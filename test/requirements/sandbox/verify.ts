import { z } from 'zod';
import { isCluster } from '../../support/target.ts';
import { type Peer, type WireName, wireNames } from '../../support/wires.ts';
import { connectMcp, type Declaring, type Given, declareVerifications } from '../verify.ts';
import { requirements } from './requirements.ts';

/** What a verification over MCP is given: a connected peer and a workspace of its own, deleted afterwards. */
export interface McpSubject extends Given<WireName, Peer> {
  readonly workspaceId: string;
  /** Calls in that workspace; fails the test when the call fails. */
  ok(tool: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  fails: Peer['fails'];
  call: Peer['call'];
}

export interface Verifier {
  /** Verifies a requirement over stdio and HTTP in both protocol eras. */
  overMcp(id: string, verification: (subject: McpSubject) => Promise<void>): void;
  /** The same over one wire of each transport and era: for what does not depend on how it is asked. */
  overTwo(id: string, verification: (subject: McpSubject) => Promise<void>): void;
  /** Verifies a requirement of HTTP, the CLI or the process, with a running server at hand. */
  readonly once: Declaring<WireName, McpSubject>['once'];
}

const twoWires: readonly WireName[] = ['stdio, legacy', 'http, modern'];

/** In a cluster every file wants the same settings, so that those of one process share it. */
const common = isCluster ? (await import('./upstreams.ts')).upstreamEnv : {};

const createdSchema = z.looseObject({ workspace_id: z.string() });

/** Declares the verifications of one file of the sandbox contract. */
export function verifications(
  title: string,
  declare: (verifier: Verifier) => void,
  { env = {}, workers }: { env?: Readonly<Record<string, string>>; workers?: number } = {},
): void {
  const manifest = {
    requirements,
    connect: connectMcp,
    subject: subjectOf,
    prepare: async () => ({ env: { ...common, ...env }, workers }),
  };
  declareVerifications(title, manifest, ({ overWires, once }) =>
    declare({
      overMcp: (id, verification) => overWires(id, verification, { wires: wireNames }),
      overTwo: (id, verification) => overWires(id, verification, { wires: twoWires }),
      once,
    }),
  );
}

async function subjectOf(given: Given<WireName, Peer>) {
  const { peer } = given;
  const { workspace_id: workspaceId } = createdSchema.parse(await peer.ok('workspace_create', {}));
  const inWorkspace = (args: Record<string, unknown> = {}) => ({ workspace_id: workspaceId, ...args });
  const subject: McpSubject = {
    ...given,
    workspaceId,
    ok: (tool, args) => peer.ok(tool, inWorkspace(args)),
    fails: (tool, args) => peer.fails(tool, inWorkspace(args)),
    call: (tool, args, options) => peer.call(tool, inWorkspace(args), options),
  };
  const end = () =>
    peer.call('workspace_delete', { workspace_id: workspaceId }, { signal: AbortSignal.timeout(10_000) });
  return { subject, end };
}
