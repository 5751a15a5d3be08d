import { connect, type Socket } from 'node:net';
import { type HostPort, hostText } from '../../../protocol/host-rules.ts';
import type { Denials } from './denials.ts';
import type { Gate } from './gate.ts';

/** A connection that was asked for, once it is over. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly allowed: boolean;
  /** Empty for one that was allowed and made. */
  readonly reason: string;
  /** Both directions, as sent to and read from the far host. */
  readonly bytes: number;
}

/** Milliseconds. */
export interface EgressTimeouts {
  /** Until the head of a request has come. */
  readonly headMs: number;
  /** Until a connection to the far host stands. */
  readonly dialMs: number;
  /** Until the ClientHello has come. */
  readonly helloMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

/** What the two ways through the proxy share. */
export interface Hall {
  readonly gate: Gate;
  readonly denials: Denials;
  readonly timeouts: EgressTimeouts;
  /** What may be cut off: connections that stand now. */
  readonly open: Set<OpenConnection>;
  onConnection(seen: Connection): void;
}

export interface OpenConnection {
  readonly target: HostPort;
  readonly far: Socket;
}

/** Why a request got no connection, with the answer it gets. */
export class NoPassage extends Error {
  override readonly name = 'NoPassage';
  readonly status: 400 | 403 | 502;

  constructor(status: 400 | 403 | 502, message: string) {
    super(message);
    this.status = status;
  }
}

/** A connection to where the request leads, if it may. Reports it when it is over. Throws NoPassage. */
export async function passTo(target: HostPort, hall: Hall): Promise<OpenConnection> {
  const admission = await hall.gate.admit(target);
  if (admission.kind === 'refused') throw refuse(target, admission.reason, hall);
  if (admission.kind === 'unreachable') throw unreachable(target, admission.reason, hall);
  const far = await dialAny(admission.addresses, target.port, hall.timeouts.dialMs);
  if (far === undefined) throw unreachable(target, 'does not answer', hall);
  const connection = { target, far };
  // The call that opened the host may have ended while the connection was made.
  if (!hall.gate.allows(target)) {
    far.destroy();
    throw refuse(target, 'is not on the list of allowed hosts', hall);
  }
  hall.open.add(connection);
  far.setTimeout(hall.timeouts.idleMs, () => far.destroy());
  return connection;
}

/** Reports the end of a connection; `reason` for one that was cut off because of what came over it. */
export function leave(connection: OpenConnection, hall: Hall, reason = ''): void {
  const { target, far } = connection;
  if (!hall.open.delete(connection)) return;
  far.destroy();
  const bytes = far.bytesRead + far.bytesWritten;
  if (reason !== '') hall.denials.add({ ...target, reason });
  hall.onConnection({ ...target, allowed: reason === '', reason, bytes });
}

/** Notes a refusal, and gives the answer to it. */
export function refuse(target: HostPort, reason: string, hall: Hall): NoPassage {
  hall.denials.add({ ...target, reason });
  hall.onConnection({ ...target, allowed: false, reason, bytes: 0 });
  return new NoPassage(
    403,
    `host ${hostText(target)} is not allowed: it ${reason}; allowed: ${hall.gate.describe()}; ` +
      'ask the operator, or create a workspace whose network allows the host',
  );
}

function unreachable(target: HostPort, reason: string, hall: Hall): NoPassage {
  hall.onConnection({ ...target, allowed: true, reason, bytes: 0 });
  return new NoPassage(502, `host ${hostText(target)} ${reason}`);
}

async function dialAny(addresses: readonly string[], port: number, timeoutMs: number): Promise<Socket | undefined> {
  for (const host of addresses) {
    const socket = await dial({ host, port, timeoutMs });
    if (socket !== undefined) return socket;
  }
  return undefined;
}

function dial({ host, port, timeoutMs }: { host: string; port: number; timeoutMs: number }) {
  return new Promise<Socket | undefined>(resolve => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const fail = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(timeoutMs, fail);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('timeout', fail);
      socket.off('error', fail);
      // From here on a failure shows as the end of the connection.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
