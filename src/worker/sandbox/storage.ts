import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import type { BoxStorage } from './engine.ts';
import { makeFolder, makePassable } from './modes.ts';
import { removeTree } from './remove-tree.ts';

const run = promisify(execFile);

/** Where workspaces' bytes lie on this machine. The host never follows a path inside one of them. */
export interface StorageRoom {
  create(id: string, options: { diskMb: number }): Promise<BoxStorage>;
  /** Undefined when there is none, or it was never finished. */
  open(id: string): Promise<BoxStorage | undefined>;
  /** Gives it another name: a spare becomes a workspace's. */
  adopt(from: string, to: string): Promise<BoxStorage>;
  /** Idempotent. No box may be using it. */
  remove(id: string): Promise<void>;
  list(): Promise<string[]>;
  isImage(storage: BoxStorage): boolean;
}

/** Host users of boxes: one for each storage, far from those of people and services. */
const FIRST_UID = 0x2000_0000;
const LAST_UID = 0x6fff_ffff;

const ownerSchema = z.object({ uid: z.number(), gid: z.number(), diskMb: z.number() });
const OWNER_FILE = 'owner.json';
const IMAGE = 'disk.img';

export interface StorageRoomOptions {
  readonly directory: string;
  readonly log: Log;
  /** Whether boxes can mount images here, as a probe found out; left out: whether there is what they would need for it. */
  readonly mountsImages?: boolean;
}

/**
 * Where images can be mounted each storage is one: ext4, of its size, sparse, mounted by its box for itself. Elsewhere it is a
 * plain folder, and the disk limit is soft.
 */
export function createStorageRoom({
  directory,
  log,
  mountsImages = mayMountImages(),
}: StorageRoomOptions): StorageRoom {
  const folder = join(directory, 'storage');
  const isRoot = process.getuid?.() === 0;
  const pathOf = (id: string): string => {
    if (!/^[a-z0-9_]{1,64}$/.test(id)) throw new Error('a storage id is made by us');
    return join(folder, id);
  };
  const open = async (id: string): Promise<BoxStorage | undefined> => {
    const text = await readFile(join(pathOf(id), OWNER_FILE), 'utf8').catch(() => '');
    const owner = ownerSchema.safeParse(text === '' ? undefined : parse(text));
    return owner.success ? { directory: pathOf(id), ...owner.data } : undefined;
  };
  // Of an image there are only our own few files.
  const removeStorage = (path: string): Promise<void> =>
    existsSync(join(path, IMAGE)) ? rm(path, { recursive: true, force: true }) : removeTree(path, log);
  return {
    open,
    isImage: storage => existsSync(join(storage.directory, IMAGE)),
    async create(id, { diskMb }) {
      const path = pathOf(id);
      await makePassable(folder);
      // One without an owner was never finished: its maker crashed.
      if (!(await open(id))) await removeStorage(path);
      await makeFolder(path, 0o711);
      const uid = isRoot ? randomInt(FIRST_UID, LAST_UID) : (process.getuid?.() ?? 0);
      const owner = { uid, gid: isRoot ? uid : (process.getgid?.() ?? 0), diskMb };
      try {
        if (mountsImages) await makeImage({ path, templates: join(directory, 'templates'), diskMb });
        else await makeFolders(path, owner);
        await writeFile(join(path, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 });
      } catch (error) {
        await removeStorage(path);
        throw asDiskFull(error);
      }
      return { directory: path, ...owner };
    },
    async adopt(from, to) {
      await rename(pathOf(from), pathOf(to));
      const storage = await open(to);
      if (!storage) throw new Error('an adopted storage has no owner');
      return storage;
    },
    async remove(id) {
      const path = pathOf(id);
      // First, so that a removal that is cut short leaves nothing that could be opened.
      await rm(join(path, OWNER_FILE), { force: true });
      await removeStorage(path);
    },
    list: async () => {
      const found = await readdir(folder).catch(() => []);
      return found.sort();
    },
  };
}

const MKFS = '/usr/sbin/mkfs.ext4';

/** Root may still lack the right to mount: only the engine's probe tells. */
export function mayMountImages(): boolean {
  return process.getuid?.() === 0 && existsSync('/dev/loop-control') && existsSync(MKFS);
}

/** Formatting is done once for each size; an image is a sparse copy of that. */
async function makeImage({
  path,
  templates,
  diskMb,
}: {
  path: string;
  templates: string;
  diskMb: number;
}): Promise<void> {
  const template = join(templates, `${diskMb}.img`);
  if (!existsSync(template)) {
    await mkdir(templates, { recursive: true, mode: 0o700 });
    const draft = `${template}.${process.pid}.${randomInt(1e9)}`;
    await writeFile(draft, '', { mode: 0o600 });
    await truncate(draft, diskMb * 1024 * 1024);
    await run(MKFS, [
      '-q',
      '-F',
      '-b',
      '4096',
      '-m',
      '0',
      '-O',
      '^has_journal',
      '-E',
      'lazy_itable_init=1,nodiscard',
      draft,
    ]);
    await rename(draft, template);
  }
  await run('/bin/cp', ['--sparse=always', template, join(path, IMAGE)]);
  await makeFolder(join(path, 'mount'), 0o711);
}

async function makeFolders(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  for (const name of ['files', 'files/artifacts', 'env']) {
    const made = join(path, name);
    await makeFolder(made, 0o755);
    await chown(made, uid, gid);
  }
}

function asDiskFull(error: unknown): unknown {
  const text = error instanceof Error ? error.message : '';
  if (!/ENOSPC|No space left/.test(text)) return error;
  return new AppError('CAPACITY_EXCEEDED', 'the machine has no disk space for another workspace', {
    cause: error,
    hint: 'delete workspaces you no longer need',
    details: { retry_after_seconds: 30 },
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
