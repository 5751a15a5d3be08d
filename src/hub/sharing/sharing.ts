import type { Caller } from '../../auth/caller.ts';
import type { ShareKind, ShareStore } from '../../store/sharing/store.ts';

/** Whose transcripts of the machines' own agents are: the user of this installation. */
export const MACHINE_USER = 'local';
/** What `history` shares: all transcripts, and all sessions of the user of the machines. */
export const ALL_HISTORY = 'all';

/** Who asks. A caller that is read-only needs a share for reading, any other one for writing. */
export type Asker = Pick<Caller, 'id' | 'teams' | 'isReadOnly'>;

/** Something that has an owner, and may be shared with others. */
export interface Owned {
  readonly id: string;
  readonly caller: string;
}

/**
 * Who may use what belongs to another. Every look is at the records, so that a share which was revoked is over at once, at every hub;
 * what belongs to the asker costs no look.
 */
export class Sharing {
  readonly #shares: ShareStore;

  constructor(shares: ShareStore) {
    this.#shares = shares;
  }

  /** Nothing that is done inside a workspace is anybody's but its owner's; who may use the workspace may use that. */
  async mayUseWorkspace({ id, caller: owner }: Owned, asker: Asker): Promise<boolean> {
    return owner === asker.id || (await this.#isGranted('workspace', id, asker));
  }

  async mayUseSession({ id, caller: owner }: Owned, asker: Asker): Promise<boolean> {
    if (owner === asker.id || (await this.#isGranted('session', id, asker))) return true;
    return owner === MACHINE_USER && (await this.mayUseHistory(asker));
  }

  /** Transcripts of sessions that nobody has directed from here. */
  async mayUseHistory(asker: Asker): Promise<boolean> {
    return asker.id === MACHINE_USER || (await this.#isGranted('history', ALL_HISTORY, asker));
  }

  async #isGranted(kind: ShareKind, target: string, asker: Asker): Promise<boolean> {
    const access = await this.#shares.access({ kind, target }, asker);
    return access === 'write' || (access === 'read' && asker.isReadOnly === true);
  }
}
