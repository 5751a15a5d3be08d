"""All that a checkpoint holds of the two roots, and putting it back."""

import errno
import json
import os
import stat

from _boxd import files, helpers, listing
from _boxd.failure import Failure, field
from _boxd.restoring import restore

# What system calls say of a path where something else, or nothing, is by now.
_REPLACED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)


def disk_usage(box, _header, _payload, is_inline):
    """Of the file system, or, when the disk limit is a soft one, of the files in it."""
    state = os.fstatvfs(box.root.fd)
    if box.disk_bytes is None:
        used, free = (state.f_blocks - state.f_bfree) * state.f_frsize, state.f_bavail * state.f_frsize
        return {"usedBytes": used, "freeBytes": free}, b""
    used, seen = 0, set()
    for root in (box.root, box.packages_root):
        if root.fd is None:
            continue
        for _, entry in listing.walk(_again(root), True, listing.INLINE_ENTRIES if is_inline else None):
            if entry.st_nlink == 1 or (entry.st_dev, entry.st_ino) not in seen:
                seen.add((entry.st_dev, entry.st_ino))
                used += entry.st_blocks * 512
    return {"usedBytes": used, "freeBytes": max(0, min(box.disk_bytes - used, state.f_bavail * state.f_frsize))}, b""


def _again(root):
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root.fd)


def start_manifest(box, request_id, header):
    def produce(emit, _read):
        for name, root in _roots(box):
            if root.fd is not None:
                listing.send_in_parts(emit, _entries(box, name, root))
        return {"installedPackages": installed_packages(box.site_packages())}

    helpers.stream(box, request_id, header, produce)


def _roots(box):
    return (("workspace", box.root), ("env", box.packages_root))


def _entries(box, root_name, root):
    """In bytewise order of paths, so that a folder comes before what is in it and equal trees give equal manifests."""
    capacity = os.fstatvfs(root.fd)
    most = capacity.f_blocks * capacity.f_frsize
    found = sorted(((os.fsencode(path), state) for path, state in listing.walk(_again(root), True, is_strict=True)), key=lambda item: item[0])
    for raw, state in found:
        kind, path = files.kind_of(state), os.fsdecode(raw)
        entry = {
            "root": root_name,
            "path": path,
            "type": kind,
            # No setuid or setgid: a restored file must not gain what its restorer has.
            "mode": stat.S_IMODE(state.st_mode) & 0o1777,
            "modifiedAtNs": str(state.st_mtime_ns),
            "sizeBytes": 0,
        }
        try:
            if kind == "symlink":
                with _parent(root, raw) as place:
                    entry["target"] = os.fsdecode(os.readlink(place.name, dir_fd=place.parent))
            elif kind == "file":
                entry["sha256"], entry["sizeBytes"] = _content_of(box, root, raw, most)
        except OSError as error:
            if error.errno not in _REPLACED:
                raise
            # Left out, a file that only got another name would be missing under both.
            raise listing.changed(path) from None
        if kind == "other":
            continue  # sockets, FIFOs and devices are part of running programs, not of the files
        yield entry


def _content_of(box, root, raw, most):
    """(SHA-256, size) of a file; FILE_TOO_LARGE for what says to be larger than the disk."""
    fd, state = open_owned(root, raw)
    try:
        if state.st_size > most:
            raise Failure("FILE_TOO_LARGE", f"File too large for a checkpoint: {os.fsdecode(raw)} ({state.st_size} bytes)")
        return box.hashes.get(state) or box.hashes.of(fd), state.st_size
    finally:
        os.close(fd)


class _parent:
    """The folder that holds a path of raw bytes, links never followed; `with` gives `parent` and `name`."""

    def __init__(self, root, raw):
        *folders, self.name = raw.split(b"/")
        self._own, self.parent = None, root.fd
        try:
            for folder in folders:
                fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.parent)
                self.__exit__()
                self._own = self.parent = fd
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._own is not None:
            os.close(self._own)
            self._own = None


def open_owned(root, raw):
    """(descriptor, stat) of a regular file of ours, even one whose mode forbids us to read it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with _parent(root, raw) as place:
        state = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
        if not stat.S_ISREG(state.st_mode):
            raise FileNotFoundError(2, "not a regular file any more")
        try:
            fd = os.open(place.name, flags, dir_fd=place.parent)
        except PermissionError:
            mode = stat.S_IMODE(state.st_mode)
            os.chmod(place.name, mode | stat.S_IRUSR, dir_fd=place.parent)
            try:
                fd = os.open(place.name, flags, dir_fd=place.parent)
            finally:
                os.chmod(place.name, mode, dir_fd=place.parent)
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        os.close(fd)
        raise FileNotFoundError(2, "not a regular file any more")
    return fd, state


def installed_packages(folder):
    """`name==version` of each Python distribution in the package area, sorted."""
    found = []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return found
    for name in names:
        if name.endswith(".dist-info"):
            title, _, version = name[: -len(".dist-info")].partition("-")
            found.append(f"{_title(f'{folder}/{name}') or title}=={version}")
    return sorted(found)


def _title(folder):
    try:
        fd = os.open(f"{folder}/METADATA", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for line in os.read(fd, 4096).decode(errors="replace").splitlines():
            if line.lower().startswith("name:"):
                return line[5:].strip()
    finally:
        os.close(fd)
    return None


def start_pack(box, request_id, header):
    roots = dict(_roots(box))
    wanted = field(header, "files", list)
    for item in wanted:
        if not isinstance(item, dict) or item.get("root") not in roots or not isinstance(item.get("path"), str):
            raise Failure("VALIDATION_ERROR", "files must name root and path")
    files.Stream(box, request_id, header, _contents(roots, wanted))


def _contents(roots, wanted):
    small = []
    size = 0
    for item in wanted:
        for data in _content(roots[item["root"]], item):
            # Many small files leave as one chunk.
            small.append(data)
            size += len(data)
            if size >= files.CHUNK:
                yield b"".join(small)
                small, size = [], 0
    if small:
        yield b"".join(small)


def _content(root, item):
    path, expected = item["path"], item.get("sizeBytes")
    try:
        fd, state = open_owned(root, os.fsencode(path))
    except (FileNotFoundError, NotADirectoryError):
        raise Failure("FILE_CHANGED", f"File is not there any more: {path}") from None
    try:
        size = state.st_size if not isinstance(expected, int) else expected
        at = 0
        while at < size and (data := os.pread(fd, min(files.CHUNK, size - at), at)):
            at += len(data)
            yield data
        if at != size or os.fstat(fd).st_size != size:
            raise Failure("FILE_CHANGED", f"File changed while it was read: {path}")
    finally:
        os.close(fd)


def start_restore(box, request_id, header):
    def produce(_emit, read):
        entries = []
        while True:
            frame, payload = read()
            if frame.get("entries") is not True:
                break
            entries += json.loads(payload)
        return restore(dict(_roots(box)), entries, (frame, payload, read))

    helpers.stream(box, request_id, header, produce, takes_data=True)
