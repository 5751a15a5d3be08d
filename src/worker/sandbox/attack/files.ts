import { lstat, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../errors/app-error.ts';
import type { Boxd } from '../boxd/boxd.ts';
import { type Attack, answers, breach, heldIf, inBox, PRELUDE, refusalOf, type Stage } from './attack.ts';
import { within } from './within.ts';

const SOON_MS = 5_000;
const TIB = 2 ** 40;
const EXPORT_BYTES = 256 * 1024;
const GROWN_BYTES = 8 * 1024 * 1024;

/** What lies in a workspace and waits for the host to touch it. */
export const fileAttacks: readonly Attack[] = [
  {
    name: 'mount points: links in a workspace',
    tries: 'Has the next box mount through links of the workspace, so that files appear on the host.',
    attempt: async stage => {
      const links = ['.venv', 'artifacts', 'node_modules', '.git', '.cache'].map(name => `/workspace/${name}`);
      const all = [...links, '/env/python', '/env/node', '/env/files', '/env/env'];
      await stage.python(`${PRELUDE}
import shutil
for path in ${JSON.stringify(all)}:
    shutil.rmtree(path, ignore_errors=True)
    os.symlink(${JSON.stringify(stage.outside)}, path)
`);
      const { boxd } = await stage.restart();
      await refusalOf(boxd.write({ path: 'artifacts/out.txt', bytes: Buffer.from('x'), createDirs: true }));
      await refusalOf(boxd.write({ path: '.venv/bin/out.txt', bytes: Buffer.from('x'), createDirs: true }));
      await refusalOf(boxd.scan('artifacts'));
      const { stdout } = await stage.python(`import os
for path in ${JSON.stringify(all)}:
    print(os.path.islink(path))
    os.unlink(path)
os.makedirs("artifacts")`);
      const appeared = await readdir(stage.outside);
      const isTried = stdout.split('\n').filter(line => line === 'True').length === all.length;
      return heldIf(appeared.length === 0 && isTried, `${all.length} links, ${appeared.length} files appeared outside`);
    },
  },
  {
    name: 'links to files of the host',
    tries: 'Has the host follow a link to its own passwords, also one that is made while it looks.',
    attempt: async stage => {
      const { boxd } = stage.live;
      const secret = join(stage.outside, '..', 'secret');
      await writeFile(secret, 'host-secret', { mode: 0o644 });
      const targets = [
        '/etc/shadow',
        '/etc/passwd',
        secret,
        '/proc/1/root/etc/passwd',
        '/proc/2/environ',
        '../../etc/passwd',
        '/',
      ];
      await stage.python(`${PRELUDE}
for at, target in enumerate(${JSON.stringify(targets)}):
    os.symlink(target, f"link{at}")
os.symlink("/etc", "folder")
os.mkdir("real")
open("real/passwd", "w").write("of the workspace")
os.symlink("real", "racer")
open("racing", "w").close()
if os.fork() == 0:
    os.setsid()
    until = time.monotonic() + 10
    while time.monotonic() < until and not os.path.exists("stop"):
        for target in ("/etc", "real"):
            os.symlink(target, "next")
            os.rename("next", "racer")
    os.unlink("racing")
    os._exit(0)
`);
      const through: string[] = [];
      const see = async (path: string) => {
        const slice = await boxd.read({ path, offset: 0, limit: 4096 }).catch((error: unknown) => error);
        if (slice instanceof AppError) return;
        if (slice instanceof Error) throw slice;
        const text = JSON.stringify(slice instanceof Object && 'bytes' in slice ? String(slice.bytes) : slice);
        if (!text.includes('of the workspace')) through.push(path);
      };
      for (const at of targets.keys()) {
        await see(`link${at}`);
        if (!(await refusalOf(boxd.open(`link${at}`, { maxBytes: 4096 })))) through.push(`open link${at}`);
      }
      for (const path of ['folder/passwd', '../etc/passwd', '/etc/passwd', 'folder/../../etc/passwd']) await see(path);
      for (let turn = 0; turn < 200; turn++) await see('racer/passwd');
      if (!(await refusalOf(boxd.write({ path: 'folder/made', bytes: Buffer.from('x'), createDirs: true }))))
        through.push('write');
      await stage.python(`${PRELUDE}
import shutil
open("stop", "w").close()
while os.path.exists("racing"):
    time.sleep(0.005)
for name in [n for n in os.listdir(".") if n.startswith("link")] + ["folder", "racer", "stop"]:
    os.unlink(name)
shutil.rmtree("real")`);
      return heldIf(
        through.length === 0,
        through.length === 0 ? `${targets.length + 205} reads, none got out` : through.join(', '),
      );
    },
  },
  {
    name: 'pipes, sockets and devices as artifacts',
    tries: 'Has the host wait for ever on something that is no file.',
    attempt: async stage => {
      const { boxd } = stage.live;
      await stage.python(`${PRELUDE}
os.mkfifo("artifacts/pipe")
socket.socket(socket.AF_UNIX).bind("artifacts/socket")
os.symlink("/dev/zero", "artifacts/zero")
os.symlink("pipe", "artifacts/to-pipe")
open("artifacts/file", "w").write("x")`);
      const found = (await within(SOON_MS, boxd.scan('artifacts'))).map(file => file.path);
      const listed = await within(SOON_MS, boxd.list({ path: 'artifacts', recursive: true, limit: 100 }));
      const opened: string[] = [];
      for (const name of ['pipe', 'socket', 'zero', 'to-pipe']) {
        const path = `artifacts/${name}`;
        if (!(await within(SOON_MS, refusalOf(boxd.open(path, { maxBytes: 1024 }))))) opened.push(name);
        if (!(await within(SOON_MS, refusalOf(boxd.read({ path, offset: 0, limit: 1024 }))))) opened.push(name);
      }
      await within(SOON_MS, boxd.manifest());
      await stage.exec([
        'rm',
        '-rf',
        'artifacts/pipe',
        'artifacts/socket',
        'artifacts/zero',
        'artifacts/to-pipe',
        'artifacts/file',
      ]);
      const isHeld = opened.length === 0 && listed.entries.length === 5 && found.length === 1;
      return heldIf(isHeld, `found ${found.length} file to export, opened ${opened.join(', ') || 'nothing else'}`);
    },
  },
  {
    name: 'sparse file of a TiB',
    tries: 'Has the host copy, hash or export what takes no room in the box and all there is outside.',
    attempt: async stage => {
      const { boxd } = stage.live;
      const made = await stage.python(`${PRELUDE}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
fd = os.open("artifacts/huge", os.O_CREAT | os.O_WRONLY)
tried("truncate", lambda: os.ftruncate(fd, ${TIB}))`);
      if (!made.stdout.includes('got None'))
        return heldIf(made.stdout.includes('\tE'), `could not be made: ${made.stdout.trim()}`);
      const reading = await within(SOON_MS, refusalOf(boxd.read({ path: 'artifacts/huge', offset: 0, limit: 1024 })));
      if (reading === undefined) return breach('all of it was read for a hash');
      const opening = await within(SOON_MS, refusalOf(boxd.open('artifacts/huge', { maxBytes: 1024 * 1024 })));
      if (opening === undefined) return breach('it was opened for export beyond its cap');
      const { usedBytes } = await within(SOON_MS, boxd.diskUsage());
      const isAnswered = await within(SOON_MS, answers(stage));
      await stage.exec(['rm', '-f', 'artifacts/huge']);
      const isHeld = isAnswered && usedBytes < stage.limits.disk_mb * 1024 * 1024;
      return heldIf(
        isHeld,
        `counted as ${Math.round(usedBytes / 1024)} KiB, not exported, not hashed: ${reading.message}`,
      );
    },
  },
  {
    name: 'growing artifact',
    tries: 'Has the host export a file that never ends, by writing to it faster than it is read.',
    attempt: async stage => {
      const { boxd } = stage.live;
      await stage.python(`${PRELUDE}
open("artifacts/growing", "w").write("x" * 1000)
if os.fork() == 0:
    os.setsid()
    until = time.monotonic() + 3
    with open("artifacts/growing", "ab") as file:
        while time.monotonic() < until:
            if file.tell() > ${GROWN_BYTES}:
                file.truncate(1000)
                file.seek(1000)
            file.write(b"x" * 65536)
            file.flush()
    os._exit(0)`);
      let most = 0;
      let refused = 0;
      for (let turn = 0; turn < 20; turn++) {
        const got = await within(SOON_MS, sizeOf(boxd, 'artifacts/growing'));
        if (got === undefined) refused += 1;
        else most = Math.max(most, got);
      }
      await stage.exec(['rm', '-f', 'artifacts/growing']);
      const isHeld = most <= EXPORT_BYTES && most + refused > 0 && (await answers(stage));
      return heldIf(isHeld, `${refused} of 20 exports were refused, at most ${most} of ${EXPORT_BYTES} bytes came`);
    },
  },
  {
    name: 'setuid copies',
    tries: "Leaves a program in the workspace that gives its owner's rights to whoever starts it.",
    attempt: async stage => {
      const { stdout } = await stage.exec([
        'bash',
        '-c',
        'cp /usr/bin/id thief && chmod 4755 thief && mkdir -m 2777 group && stat -c "%a %u" thief && ./thief -u; rm -rf group; grep -E " /(workspace|env|tmp|dev/shm) " /proc/self/mountinfo',
      ]);
      const lines = stdout.trim().split('\n');
      const mounts = lines.filter(line => line.includes(' - '));
      const isMounted = mounts.length === 4 && mounts.every(line => line.includes('nosuid') && line.includes('nodev'));
      const isOwn = lines[0] === '4755 1000' && lines[1] === '1000';
      const owner = await ownerOf(stage, 'thief');
      await stage.exec(['rm', '-f', 'thief']);
      const isHost = owner === undefined || owner === stage.live.storage.uid;
      const isRoot = process.getuid?.() === 0 && stage.live.storage.uid === 0;
      const where = owner === undefined ? 'in an image that only boxes mount' : 'owned by the user of the box';
      return heldIf(isMounted && isOwn && isHost && !isRoot, `mounted nosuid and nodev, ${where}`);
    },
  },
  {
    name: 'git on the host',
    tries: "Has git run a program of the workspace's configuration outside of the box.",
    attempt: async stage => {
      const marker = join(stage.outside, 'marker');
      const program = `/workspace/.git/hook.sh`;
      const ran = await stage.exec([
        'bash',
        '-c',
        `git init -q . && printf '#!/bin/sh\\ntouch ${marker} /tmp/marker\\n' > ${program} && chmod +x ${program} &&
        for key in core.fsmonitor core.pager core.editor core.sshCommand diff.external filter.x.clean filter.x.smudge credential.helper; do git config $key ${program}; done
        for hook in pre-commit post-checkout post-index-change reference-transaction; do cp ${program} .git/hooks/$hook; done
        echo '* filter=x diff=x' > .gitattributes; echo text > file; git status -s; git add file; test -e /tmp/marker && echo fired`,
      ]);
      const { boxd } = stage.live;
      await boxd.list({ path: '', recursive: true, limit: 1000 });
      await boxd.read({ path: '.git/config', offset: 0, limit: 1024 });
      await boxd.write({ path: 'file', bytes: Buffer.from('other'), createDirs: false });
      await boxd.scan('');
      await boxd.manifest();
      await boxd.diskUsage();
      const appeared = await readdir(stage.outside);
      await stage.exec(['rm', '-rf', '.git', '.gitattributes', 'file', '/tmp/marker']);
      if (!ran.stdout.includes('fired')) return breach(`git did not run in the box: ${ran.stderr.slice(0, 200)}`);
      return heldIf(
        appeared.length === 0,
        appeared.length === 0 ? 'it ran inside and left nothing outside' : 'it ran on the host',
      );
    },
  },
  inBox({
    name: 'files of the box itself',
    tries: 'Moves or replaces what a box is mounted on, so that the next one starts in another place.',
    code: `
for path in ("/workspace", "/env", "/boxd", "/usr", "/etc", "/tmp"):
    tried("rename " + path, lambda: os.rename(path, path + ".old"))
    tried("remove " + path, lambda: os.rmdir(path))
for path in ("/workspace/../owner.json", "/env/../owner.json", "/workspace/../disk.img", "/owner.json"):
    tried("read " + path, lambda: readable(path))
`,
    refusals: ['EBUSY', 'EROFS', 'EPERM', 'EACCES', 'ENOENT', 'EXDEV', 'ENOTEMPTY'],
    least: 16,
  }),
];

/** Host uid of a file, where the host has it as a file of its own. */
async function ownerOf({ isImage, live }: Stage, name: string): Promise<number | undefined> {
  return isImage ? undefined : (await lstat(join(live.storage.directory, 'files', name))).uid;
}

/** Bytes that came of a file under the cap; undefined when it was refused. */
async function sizeOf(boxd: Boxd, path: string): Promise<number | undefined> {
  try {
    let size = 0;
    for await (const chunk of await boxd.open(path, { maxBytes: EXPORT_BYTES })) size += Buffer.byteLength(chunk);
    return size;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
