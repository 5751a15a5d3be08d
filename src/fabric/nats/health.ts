/** What doctor and readiness checks tell of the broker. */
export interface NatsHealth {
  readonly connected: boolean;
  /** Address of the server that this connection uses, or used last. */
  readonly server: string;
  /** Undefined while there is no connection. */
  readonly version?: string;
  readonly roundTripMs?: number;
  /** Why the last connection ended or was refused, while there is none. */
  readonly trouble?: string;
  /** What an administrator should know about this server. */
  readonly notes: readonly string[];
}

type Version = readonly [major: number, minor: number];

const OLDEST: Version = [2, 9];
const RECOMMENDED: Version = [2, 12];

/** What a server of this version lacks. Nothing that Boxswain needs is missing from 2.9 on. */
export function notesOn(version: string): readonly string[] {
  const found = /^v?(\d+)\.(\d+)/.exec(version);
  if (!found) return [`nats-server reports the version ${JSON.stringify(version)}, which is not known`];
  const is: Version = [Number(found[1]), Number(found[2])];
  if (isOlder(is, OLDEST)) {
    return [`nats-server ${version} is older than ${OLDEST.join('.')}, the oldest that is tested; install a newer one`];
  }
  if (isOlder(is, [2, 10])) {
    return [
      `nats-server ${version} works; authentication callouts and subject transforms (2.10) are missing`,
      `${RECOMMENDED.join('.')} or newer is recommended; do not expose this version to the internet`,
    ];
  }
  return isOlder(is, RECOMMENDED)
    ? [`nats-server ${version} works; ${RECOMMENDED.join('.')} or newer is recommended`]
    : [];
}

const isOlder = (is: Version, than: Version): boolean => is[0] < than[0] || (is[0] === than[0] && is[1] < than[1]);
