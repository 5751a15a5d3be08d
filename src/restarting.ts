/** One round of a role that may be started anew. */
export interface Round {
  /** Aborted when this round is to end. */
  readonly signal: AbortSignal;
  /** The port that the first round got, so that clients find the next one where they found this. */
  readonly port: number | undefined;
  /** Ends the round, and begins the next. */
  restart(): void;
}

/** Runs a role to its end, and anew as often as a restart is asked for. A round answers the port that it listened on. */
export async function untilEnded(signal: AbortSignal, role: (round: Round) => Promise<number>): Promise<void> {
  let port: number | undefined;
  let isAgain = true;
  while (isAgain && !signal.aborted) {
    const again = new AbortController();
    const round = { signal: AbortSignal.any([signal, again.signal]), port, restart: () => again.abort() };
    port = await role(round);
    isAgain = again.signal.aborted;
  }
}

/** The same flags, with the port of an earlier round. */
export function onPort<Flags extends { readonly settings: Record<string, unknown> }>(
  flags: Flags,
  port: number | undefined,
): Flags {
  return port === undefined ? flags : { ...flags, settings: { ...flags.settings, 'http.port': port } };
}
