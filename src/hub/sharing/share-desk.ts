import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import { newId } from '../../ids/ids.ts';
import type { ShareAccess, ShareKind, ShareRecord, ShareStore } from '../../store/sharing/store.ts';
import type { Page, PageQuery } from '../../store/page.ts';
import type { Store } from '../../store/store.ts';
import { workspaceNotFound } from '../errors.ts';
import { sessionNotFound } from '../sessions/errors.ts';
import { ALL_HISTORY, MACHINE_USER } from './sharing.ts';

export interface NewShare {
  readonly kind: ShareKind;
  readonly target: string;
  readonly granteeKind: 'caller' | 'team';
  readonly grantee: string;
  readonly access: ShareAccess;
}

/** What callers share with others. Only the owner shares, and only the owner revokes. */
export class ShareDesk {
  readonly #store: Pick<Store, 'shares' | 'workspaces' | 'sessions'>;

  constructor(store: Pick<Store, 'shares' | 'workspaces' | 'sessions'>) {
    this.#store = store;
  }

  /** Throws WORKSPACE_NOT_FOUND or SESSION_NOT_FOUND for what is not the caller's own, POLICY_DENIED for history of others. */
  async create(share: NewShare, caller: Caller): Promise<ShareRecord> {
    if (share.granteeKind === 'caller' && share.grantee === caller.id)
      throw new AppError('VALIDATION_ERROR', 'it is yours already', { hint: 'name another caller, or a team' });
    await this.#requireOwn(share, caller);
    return await this.#store.shares.insert({ ...share, id: newId('sh'), owner: caller.id });
  }

  list(query: PageQuery & { kind?: ShareKind; target?: string }, caller: Caller): Promise<Page<ShareRecord>> {
    return this.#store.shares.list({ ...query, owner: caller.id });
  }

  granted(caller: Caller, kind?: ShareKind): ReturnType<ShareStore['granted']> {
    return this.#store.shares.granted(caller, kind);
  }

  /** Throws NOT_FOUND for one that is not the caller's. */
  async revoke(id: string, caller: Caller): Promise<void> {
    if (await this.#store.shares.remove(id, caller.id)) return;
    throw new AppError('NOT_FOUND', `Share not found: ${id}`, { hint: 'share_list shows what you share' });
  }

  async #requireOwn({ kind, target }: NewShare, caller: Caller): Promise<void> {
    if (kind === 'workspace') {
      if ((await this.#store.workspaces.get(target))?.caller !== caller.id) throw workspaceNotFound(target);
    } else if (kind === 'session') {
      if ((await this.#store.sessions.get(target))?.caller !== caller.id) throw sessionNotFound(target);
    } else if (caller.id !== MACHINE_USER)
      throw new AppError('POLICY_DENIED', 'transcripts of this machine belong to its user', {
        hint: 'the user of the machine shares them: boxswain shares create history all --with CALLER',
      });
    else if (target !== ALL_HISTORY)
      throw new AppError('VALIDATION_ERROR', `history is shared as a whole: its id is ${ALL_HISTORY}`);
  }
}
