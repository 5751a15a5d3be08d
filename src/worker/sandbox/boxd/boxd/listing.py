"""What lies in a folder."""

import errno
import os
import stat

from _boxd import helpers
from _boxd.failure import Failure, TooLong, field
from _boxd.files import TEMPORARY, kind_of

INLINE_ENTRIES = 2000
MAX_GLOB = 1024
PART = 500


def walk(fd, is_deep, budget=None, is_strict=False):
    """
    (path, stat) of everything below an open folder, in no order; links are not followed. Raises TooLong after `budget`
    entries. When strict, a folder that cannot be read is an error instead of an empty one, and what goes away meanwhile is
    FILE_CHANGED instead of not there: it may have got another name that was passed already. Closes `fd`.
    """
    # Open folders along the way down, each with the subfolders that are still to be visited.
    stack, count = [], 0
    prefix = ""
    try:
        while True:
            folders = []
            stack.append((fd, prefix, folders))
            with os.scandir(fd) as entries:
                for entry in entries:
                    if TEMPORARY.match(entry.name):
                        continue
                    count += 1
                    if budget is not None and count > budget:
                        raise TooLong
                    try:
                        state = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        if is_strict:
                            raise changed(prefix + entry.name) from None
                        continue
                    yield prefix + entry.name, state
                    if is_deep and stat.S_ISDIR(state.st_mode):
                        folders.append(entry.name)
            fd = None
            while stack and fd is None:
                parent, prefix, folders = stack[-1]
                if not folders:
                    os.close(stack.pop()[0])
                    continue
                name = folders.pop()
                fd = _enter(parent, name, is_strict)
                if fd is None and is_strict:
                    raise changed(prefix + name)
                prefix = f"{prefix}{name}/"
            if fd is None:
                return
    finally:
        for fd, _, _ in stack:
            os.close(fd)


def changed(path):
    return Failure("FILE_CHANGED", f"File changed while the files were listed: {path}")


def _enter(parent, name, is_strict):
    """A subfolder, or None when it is gone, replaced, or closed to us."""
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) or (error.errno == errno.EACCES and not is_strict):
            return None
        raise


def list_files(box, header, _payload, is_inline):
    path, is_deep = field(header, "path", str), field(header, "recursive", bool)
    glob, limit, after = field(header, "glob", str, None), field(header, "limit", int), field(header, "after", str, None)
    matches = matcher(glob, is_deep) if glob else None
    deep = is_deep or bool(glob and ("/" in glob or "**" in glob))
    shown = os.fsdecode(b"/".join(box.root.parts(path)))
    fd = box.root.open_directory(path)
    base = f"{shown}/" if shown else ""
    found = []
    for name, state in walk(fd, deep, INLINE_ENTRIES if is_inline else None):
        if matches is None or matches(name):
            found.append((os.fsencode(base + name), state))
    found.sort(key=lambda item: item[0])
    start = 0 if after is None else _after(found, after)
    page = found[start : start + limit]
    has_more = start + len(page) < len(found) and bool(page)
    answer = {
        "path": shown,
        "entries": [_entry(os.fsdecode(name), state) for name, state in page],
        "totalCount": len(found),
        "nextAfter": os.fsdecode(page[-1][0]) if has_more else None,
    }
    return answer, b""


def _after(found, after):
    import bisect

    try:
        return bisect.bisect_right(found, os.fsencode(after), key=lambda item: item[0])
    except UnicodeEncodeError:
        raise Failure("VALIDATION_ERROR", "after is not valid text") from None


def _entry(path, state):
    kind = kind_of(state)
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "type": kind,
        "sizeBytes": state.st_size if kind in ("file", "symlink") else 0,
        "modifiedAtMs": state.st_mtime_ns // 1_000_000,
    }


def matcher(glob, is_deep):
    """
    Tells whether a path fits `glob`. `*`, `?`, `[]` stay within one name, `**` spans any number of folders. In a deep listing a
    pattern without a slash is for names at any depth.
    """
    import fnmatch
    import re

    if len(glob) > MAX_GLOB:
        raise Failure("VALIDATION_ERROR", f"glob is longer than {MAX_GLOB} characters")
    parts = [part for part in glob.split("/") if part not in ("", ".")]
    if is_deep and len(parts) == 1 and parts[0] != "**":
        parts.insert(0, "**")
    try:
        steps = [None if part == "**" else re.compile(fnmatch.translate(part)).match for part in parts]
    except re.error:
        raise Failure("VALIDATION_ERROR", "glob has a malformed [] class") from None

    def spread(states):
        # `**` may stand for no folder at all.
        for at in sorted(states):
            while at < len(steps) and steps[at] is None:
                at += 1
                states.add(at)
        return states

    def matches(path):
        states = spread({0})
        for name in path.split("/"):
            states = spread({at if steps[at] is None else at + 1 for at in states if at < len(steps) and (steps[at] is None or steps[at](name))})
        return len(steps) in states

    return matches


def start_scan(box, request_id, header):
    directory = field(header, "directory", str)
    try:
        found = [item for item in _scan(box, directory, INLINE_ENTRIES)]
        box.server.finish(request_id, {"files": found})
    except TooLong:

        def produce(emit, _read):
            send_in_parts(emit, _scan(box, directory, None))
            return {"files": []}

        helpers.stream(box, request_id, header, produce)


def send_in_parts(emit, items):
    part = []
    for item in items:
        part.append(item)
        if len(part) == PART:
            emit(part)
            part = []
    if part:
        emit(part)


def _scan(box, directory, budget):
    shown = os.fsdecode(b"/".join(box.root.parts(directory)))
    try:
        fd = box.root.open_directory(directory)
    except Failure as failure:
        if failure.code in ("FILE_NOT_FOUND", "WRONG_FILE_TYPE"):
            return
        raise
    for name, state in walk(fd, True, budget):
        if stat.S_ISREG(state.st_mode):
            path = f"{shown}/{name}" if shown else name
            yield {"path": path, "sizeBytes": state.st_size, "modifiedAtNs": str(state.st_mtime_ns), "inode": state.st_ino}
