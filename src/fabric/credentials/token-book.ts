import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { newId } from '../../ids/ids.ts';
import type { Identity } from '../identity.ts';
import { undefinedIfMissing } from './authority-keys.ts';
import type { Authority } from './authority.ts';
import { writeJoinToken } from './join-token.ts';

const ISSUED = 'nats-issued';
const ROLES = ['worker', 'hub'] as const;
type Role = (typeof ROLES)[number];

/** What is known of a token that was given out. It holds no secret. */
export interface TokenRecord {
  /** Such as `tok_` and 12 letters. */
  readonly tokenId: string;
  readonly role: Role;
  /** Of the worker or hub that joins with it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Times in milliseconds since 1970; null: never. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

export interface NewToken {
  readonly role: Role;
  /** Made up when left out. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly servers: readonly string[];
  readonly hub?: string;
  /** Milliseconds since 1970; left out: it does not expire. */
  readonly expiresAt?: number;
}

const noteSchema = z.object({
  role: z.enum(ROLES),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
});

/** Names of workers and hubs: fit for file names, addresses and terminals. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const TOKEN_ID = /^tok_/;

/** The tokens of an authority: one small file for each that was given out, so that several processes may work on them. */
export class TokenBook {
  readonly #authority: Authority;
  readonly #directory: string;

  constructor(authority: Authority, directory: string) {
    this.#authority = authority;
    this.#directory = join(directory, ISSUED);
  }

  /** Written down before it is given out: there is no token that cannot be found and revoked. Throws AppError VALIDATION_ERROR. */
  async create(wanted: NewToken): Promise<{ record: TokenRecord; text: string }> {
    const { role, name = newId('wk'), labels = {}, servers, hub, expiresAt } = wanted;
    refuseBadName(name);
    const now = Date.now();
    if (expiresAt !== undefined && expiresAt <= now)
      throw new AppError('VALIDATION_ERROR', 'the token would have expired already', { hint: 'name a later time' });
    const identity: Identity = role === 'hub' ? { hub: name } : { worker: name };
    const { publicKey, text: credential } = await this.#authority.issue(identity, { expiresAt });
    const note = { role, name, labels, createdAt: now, expiresAt: expiresAt ?? null };
    await this.#write(publicKey, note);
    const lookup = role === 'hub' ? (await this.#authority.issueForLookup({ expiresAt })).text : undefined;
    const text = writeJoinToken({ credential, servers, hub, labels, lookup });
    return { record: { tokenId: tokenIdOf(publicKey), ...note, revokedAt: null }, text };
  }

  /** The newest first. */
  async list(): Promise<TokenRecord[]> {
    return (await this.#entries()).map(({ record }) => record).sort((a, b) => b.createdAt - a.createdAt);
  }

  /**
   * Writes down that a token is void; `id` may also be the name of a worker or hub: then all of its tokens. The broker is to be told
   * afterwards. Answers those that are void now. Throws AppError NOT_FOUND.
   */
  async revoke(id: string): Promise<TokenRecord[]> {
    const meant = (await this.#entries()).filter(({ record }) => record.tokenId === id || record.name === id);
    if (meant.length === 0)
      throw new AppError('NOT_FOUND', `no token is ${id}, and no worker or hub of that name has one`, {
        hint: 'boxswain worker token list shows the tokens',
      });
    return await Promise.all(
      meant.map(async ({ publicKey, record }) => {
        await this.#authority.revoke(publicKey);
        return { ...record, revokedAt: (await this.#authority.revokedAt(publicKey)) ?? null };
      }),
    );
  }

  async #entries(): Promise<{ publicKey: string; record: TokenRecord }[]> {
    const names = (await readdir(this.#directory).catch(undefinedIfMissing)) ?? [];
    const found = await Promise.all(
      names
        .filter(file => file.endsWith('.json'))
        .map(async file => {
          const publicKey = file.slice(0, -'.json'.length);
          const note = noteSchema.parse(JSON.parse(await readFile(join(this.#directory, file), 'utf8')));
          const revokedAt = (await this.#authority.revokedAt(publicKey)) ?? null;
          return { publicKey, record: { tokenId: tokenIdOf(publicKey), ...note, revokedAt } };
        }),
    );
    return found;
  }

  /** Never seen half written. */
  async #write(publicKey: string, note: z.input<typeof noteSchema>): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const draft = join(this.#directory, `${randomBytes(6).toString('hex')}.draft`);
    const file = await open(draft, 'wx', 0o600);
    await file.writeFile(JSON.stringify(note));
    await file.sync();
    await file.close();
    await rename(draft, join(this.#directory, `${publicKey}.json`));
  }
}

/** 60 random bits of the public key: no two tokens of an installation have the same. */
const tokenIdOf = (publicKey: string): string => `tok_${publicKey.slice(1, 13).toLowerCase()}`;

function refuseBadName(name: string): void {
  if (NAME.test(name) && !TOKEN_ID.test(name)) return;
  throw new AppError('VALIDATION_ERROR', `"${name.slice(0, 80)}" cannot be the name of a worker or hub`, {
    hint: 'use letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit; not tok_…',
  });
}
