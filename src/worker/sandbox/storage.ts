import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import type { BoxStorage } from './engine.ts';

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

/**
 * As root each storage is an ext4 image of its size, sparse, that a box mounts for itself; where loop devices are missing, and for
 * other users, it is a plain folder, and the disk limit is soft.
 */
export function createStorageRoom({ directory, log }: { directory: string; log: Log }): StorageRoom {
  const folder = join(directory, 'storage');
  const isRoot = process.getuid?.() === 0;
  const canMount = isRoot && existsSync('/dev/loop-control') && existsSync(MKFS);
  const pathOf = (id: string): string => {
    if (!/^[a-z0-9_]{1,64}$/.test(id)) throw new Error('a storage id is made by us');
    return join(folder, id);
  };
  const open = async (id: string): Promise<BoxStorage | undefined> => {
    const text = await readFile(join(pathOf(id), OWNER_FILE), 'utf8').catch(() => '');
    const owner = ownerSchema.safeParse(text === '' ? undefined : parse(text));
    return owner.success ? { directory: pathOf(id), ...owner.data } : undefined;
  };
  return {
    open,
    isImage: storage => existsSync(join(storage.directory, IMAGE)),
    async create(id, { diskMb }) {
      const path = pathOf(id);
      await mkdir(folder, { recursive: true, mode: 0o711 });
      // One without an owner was never finished: its maker crashed.
      if (!(await open(id))) await rm(path, { recursive: true, force: true });
      await mkdir(path, { mode: 0o711 });
      await chmod(path, 0o711);
      const uid = isRoot ? randomInt(FIRST_UID, LAST_UID) : (process.getuid?.() ?? 0);
      const owner = { uid, gid: isRoot ? uid : (process.getgid?.() ?? 0), diskMb };
      try {
        if (canMount) await makeImage({ path, templates: join(directory, 'templates'), diskMb });
        else await makeFolders(path, owner);
        await writeFile(join(path, OWNER_FILE), JSON.stringify(owner), { mode: 0o600 });
      } catch (error) {
        await rm(path, { recursive: true, force: true });
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
      try {
        await rm(path, { recursive: true, force: true, maxRetries: 3 });
      } catch (error) {
        // A hostile tree may hold folders without permissions for their owner.
        log.debug({ err: error, storage: id }, 'removing a storage again after opening its folders');
        await run('/bin/chmod', ['-R', 'u+rwX', path]);
        await rm(path, { recursive: true, force: true });
      }
    },
    list: async () => {
      const found = await readdir(folder).catch(() => []);
      return found.sort();
    },
  };
}

const MKFS = '/usr/sbin/mkfs.ext4';

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
  await mkdir(join(path, 'mount'), { mode: 0o711 });
}

async function makeFolders(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  for (const name of ['files', 'files/artifacts', 'env']) {
    const made = join(path, name);
    await mkdir(made);
    await chmod(made, 0o755);
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
