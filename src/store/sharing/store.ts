import type { Page, PageQuery } from '../page.ts';

/** `history`: the transcripts of the machines' own agents, which belong to the local caller. */
export const shareKinds = ['workspace', 'session', 'history'] as const;
export type ShareKind = (typeof shareKinds)[number];
export const shareAccesses = ['read', 'write'] as const;
export type ShareAccess = (typeof shareAccesses)[number];

/** Something of one caller that another caller, or all of a team, may use. */
export interface ShareRecord {
  readonly id: string;
  readonly kind: ShareKind;
  /** Handle of what is shared. */
  readonly target: string;
  readonly owner: string;
  readonly granteeKind: 'caller' | 'team';
  readonly grantee: string;
  readonly access: ShareAccess;
  readonly createdAt: number;
}

/** Who asks: a caller, with the teams that it is in. */
export interface Grantee {
  readonly id: string;
  readonly teams: ReadonlySet<string>;
}

export interface ShareStore {
  /** Shared with the same grantee already: that record gets the new access and is answered. */
  insert(share: Omit<ShareRecord, 'createdAt'>): Promise<ShareRecord>;
  /** Of one owner, newest first. */
  list(query: PageQuery & { owner: string; kind?: ShareKind; target?: string }): Promise<Page<ShareRecord>>;
  /** Newest first: everything that others share with a caller, or with a team of it. */
  granted(to: Grantee, kind?: ShareKind): Promise<ShareRecord[]>;
  /** The most that the grantee may do with it; undefined: it is not shared with it. */
  access(of: { kind: ShareKind; target: string }, to: Grantee): Promise<ShareAccess | undefined>;
  /** False when there is none of this owner. */
  remove(id: string, owner: string): Promise<boolean>;
  /** What is shared of it is over, whoever it was shared with. */
  forget(of: { kind: ShareKind; target: string }): Promise<void>;
}
