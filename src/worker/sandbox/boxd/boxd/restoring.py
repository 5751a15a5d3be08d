"""Replaces what is in the two roots by the entries of a manifest."""

import os
import stat

from _boxd.failure import Failure

# Deeper folders are first moved up, so that a tree of any depth can be removed with few open descriptors.
MAX_DEPTH = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def restore(roots, entries, source):
    """`entries` in the order of the manifest; `source` is (first frame, its payload, read)."""
    for entry in entries:
        _check(roots, entry)
    body = _Body(*source)
    for root in roots.values():
        if root.fd is not None:
            clear(root.fd)
    folders = []
    for entry in entries:
        *parents, name = os.fsencode(entry["path"]).split(b"/")
        parent = _open_folder(roots[entry["root"]].fd, parents)
        try:
            _create(parent, name, entry, body)
        finally:
            os.close(parent)
        if entry["type"] == "dir":
            folders.append(entry)
    body.demand_end()
    # Last and from below: what is made in a folder changes its time, and its mode may forbid to make anything.
    for entry in reversed(folders):
        *parents, name = os.fsencode(entry["path"]).split(b"/")
        parent = _open_folder(roots[entry["root"]].fd, parents)
        try:
            os.utime(name, ns=_times(entry), dir_fd=parent, follow_symlinks=False)
            os.chmod(name, entry["mode"] & 0o1777, dir_fd=parent)
        finally:
            os.close(parent)
    return {}


def _check(roots, entry):
    path = entry.get("path")
    is_sound = (
        isinstance(path, str)
        and path != ""
        and not any(part in ("", ".", "..") or "\0" in part for part in path.split("/"))
        and entry.get("type") in ("file", "dir", "symlink")
        and isinstance(entry.get("mode"), int)
        and isinstance(entry.get("sizeBytes"), int)
        and str(entry.get("modifiedAtNs")).lstrip("-").isdigit()
        and (entry["type"] != "symlink" or isinstance(entry.get("target"), str))
    )
    if not is_sound or entry.get("root") not in roots:
        raise Failure("VALIDATION_ERROR", "the manifest has a malformed entry")
    if roots[entry["root"]].fd is None:
        raise Failure("VALIDATION_ERROR", "the manifest has packages, but the box has no place for them")


def _times(entry):
    return (int(entry["modifiedAtNs"]),) * 2


def _create(parent, name, entry, body):
    import hashlib

    if entry["type"] == "dir":
        os.mkdir(name, 0o700, dir_fd=parent)
        return
    if entry["type"] == "symlink":
        os.symlink(os.fsencode(entry["target"]), name, dir_fd=parent)
        os.utime(name, ns=_times(entry), dir_fd=parent, follow_symlinks=False)
        return
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
    try:
        digest = hashlib.sha256()
        for data in body.take(entry["sizeBytes"]):
            digest.update(data)
            while data:
                data = data[os.write(fd, data) :]
        if entry.get("sha256") not in (None, digest.hexdigest()):
            raise Failure("INTERNAL_ERROR", f"the checkpoint's content is damaged: {entry['path']}")
        os.fchmod(fd, entry["mode"] & 0o777)
        os.utime(fd, ns=_times(entry))
    finally:
        os.close(fd)


def _open_folder(fd, parts):
    fd = os.open(".", _FOLDER, dir_fd=fd)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


class _Body:
    """The contents of all files, one after another, out of frames whose borders mean nothing."""

    def __init__(self, frame, payload, read):
        self._read, self._at_end, self._left = read, frame.get("end") is True, memoryview(payload)

    def take(self, size):
        """Exactly `size` bytes, in pieces."""
        while size:
            if not self._left:
                self._next()
            piece, self._left = self._left[:size], self._left[size:]
            size -= len(piece)
            yield piece

    def _next(self):
        if self._at_end:
            raise Failure("VALIDATION_ERROR", "the contents are shorter than the manifest says")
        frame, payload = self._read()
        self._at_end, self._left = frame.get("end") is True, memoryview(payload)

    def demand_end(self):
        while not self._left and not self._at_end:
            self._next()
        if self._left:
            raise Failure("VALIDATION_ERROR", "the contents are longer than the manifest says")


def clear(root):
    """Removes everything in an open folder. Links are removed, never followed."""
    os.fchmod(root, stat.S_IMODE(os.fstat(root).st_mode) | 0o700)
    stack = [os.open(".", _FOLDER, dir_fd=root)]
    names = [b""]
    try:
        while stack:
            folder = _empty_but_one(stack[-1])
            if folder is None:
                os.close(stack.pop())
                name = names.pop()
                if stack:
                    os.rmdir(name, dir_fd=stack[-1])
            elif len(stack) > MAX_DEPTH:
                os.rename(folder, f".boxd-tmp-{os.urandom(8).hex()}".encode(), src_dir_fd=stack[-1], dst_dir_fd=stack[0])
            else:
                os.chmod(folder, 0o700, dir_fd=stack[-1])
                names.append(folder)
                stack.append(os.open(folder, _FOLDER, dir_fd=stack[-1]))
    finally:
        for fd in stack:
            os.close(fd)


def _empty_but_one(fd):
    """Removes what is no folder; gives one folder that is left."""
    folder = None
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                folder = name
            else:
                os.unlink(name, dir_fd=fd)
    return folder
