import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { ShareAccess, ShareStore } from '../../store/sharing/store.ts';

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

  /**
   * Nothing that is done inside a workspace is anybody's but its owner's; who may use the workspace may use that. Throws POLICY_DENIED
   * where it is shared for reading, and that is not enough.
   */
  async mayUseWorkspace({ id, caller: owner }: Owned, asker: Asker): Promise<boolean> {
    return owner === asker.id || (await this.#isGranted('workspace', id, asker));
  }

  /** Throws POLICY_DENIED like `mayUseWorkspace`. */
  async mayUseSession({ id, caller: owner }: Owned, asker: Asker): Promise<boolean> {
    if (owner === asker.id || (await this.#isGranted('session', id, asker))) return true;
    return owner === MACHINE_USER && (await this.mayUseHistory(asker));
  }

  /** Transcripts of sessions that nobody has directed from here. */
  async mayUseHistory(asker: Asker): Promise<boolean> {
    if (asker.id === MACHINE_USER) return true;
    return isEnough(await this.#shares.access({ kind: 'history', target: ALL_HISTORY }, asker), asker);
  }

  async #isGranted(kind: 'workspace' | 'session', target: string, asker: Asker): Promise<boolean> {
    const access = await this.#shares.access({ kind, target }, asker);
    if (access === undefined || isEnough(access, asker)) return access !== undefined;
    throw new AppError('POLICY_DENIED', `${kind} ${target} is shared with you for reading only`, {
      hint: 'ask its owner to share it with access write',
    });
  }
}

const isEnough = (access: ShareAccess | undefined, { isReadOnly }: Asker): boolean =>
  access === 'write' || (access === 'read' && isReadOnly === true);
