"""Reading and writing single files."""

import errno
import os
import re
import stat
import time
from collections import OrderedDict

from _boxd.failure import Failure, TooLong, field

MAX_TEXT = 3 * 1024 * 1024
MAX_SLICE = 16 * 1024 * 1024
INLINE_HASH = 1024 * 1024
# Every answer of `read` has the hash of the whole file. Beyond these it would take longer than a caller waits, or than boxd may.
MAX_HASHED = 8 * 1024 * 1024 * 1024
HASHING_S = 40.0
CHUNK = 256 * 1024
# A file changed twice within a clock tick of the file system looks unchanged, so a hash is kept only of what has settled.
SETTLED_NS = 50_000_000
TEMPORARY = re.compile(r"\.boxd-tmp-[0-9a-f]{16}\Z")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TYPES = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "dir"), (stat.S_ISLNK, "symlink"))


class Hashes:
    """SHA-256 of whole files by what their stat says; `fresh` are those a helper found out."""

    MOST = 20_000

    def __init__(self):
        self._known, self.fresh = OrderedDict(), []

    def get(self, state):
        return self._known.get(_identity(state))

    def put(self, identity, digest):
        self._known[tuple(identity)] = digest
        if len(self._known) > self.MOST:
            self._known.popitem(last=False)

    def of(self, fd, deadline=None):
        """The hash of an open file, read to its end as it is now. Raises TimeoutError after the deadline, a monotonic time."""
        import hashlib

        digest, before, at = hashlib.sha256(), os.fstat(fd), 0
        while data := os.pread(fd, 1 << 20, at):
            digest.update(data)
            at += len(data)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
        found, after = digest.hexdigest(), os.fstat(fd)
        if _identity(before) == _identity(after) and time.time_ns() - after.st_ctime_ns > SETTLED_NS:
            self.put(_identity(after), found)
            self.fresh.append([_identity(after), found])
        return found


def _identity(state):
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def kind_of(state):
    """`file`, `dir`, `symlink` or `other`."""
    return next((name for is_kind, name in _TYPES if is_kind(state.st_mode)), "other")


def open_regular(place):
    """(descriptor, stat) of a regular file. Nothing else is opened, and nothing that takes its place can block."""
    if place.state is None:
        raise place.missing()
    _demand_regular(place, place.state)
    try:
        fd = os.open(place.name, _READ, dir_fd=place.parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            raise place.missing() from error
        if error.errno == errno.EACCES:
            raise Failure("PATH_INVALID", f"permission denied: {place.path}", hint="change the mode with run_command: chmod u+r") from error
        raise
    state = os.fstat(fd)
    try:
        _demand_regular(place, state)
    except Failure:
        os.close(fd)
        raise
    return fd, state


def _demand_regular(place, state):
    if not stat.S_ISREG(state.st_mode):
        kind = {"dir": "directory", "other": "special file"}.get(kind_of(state), "symbolic link")
        raise Failure("WRONG_FILE_TYPE", f"Not a regular file: {place.path} ({kind}, {state.st_size} bytes)")


def read_whole(fd):
    parts, at = [], 0
    while data := os.pread(fd, 1 << 20, at):
        parts.append(data)
        at += len(data)
    return b"".join(parts)


def read(box, header, _payload, is_inline):
    path, offset, limit = field(header, "path", str), field(header, "offset", int), field(header, "limit", int)
    if offset < 0 or not 0 <= limit <= MAX_SLICE:
        raise Failure("VALIDATION_ERROR", f"offset must not be negative, limit must be 0 to {MAX_SLICE}")
    with box.root.locate(path) as place:
        fd, state = open_regular(place)
        try:
            digest = _known_hash(box, state, path, is_inline)
            data = _slice(fd, offset, limit)
            digest = digest or _new_hash(box, fd, path)
            answer = {"path": place.shown, "sizeBytes": state.st_size, "sha256": digest, "modifiedAtMs": state.st_mtime_ns // 1_000_000}
            return answer, data
        finally:
            os.close(fd)


def _known_hash(box, state, path, is_inline):
    """None when it is to be found out, here; raises TooLong when that is a helper's work, FILE_TOO_LARGE when it is nobody's."""
    digest = box.hashes.get(state)
    if digest is None and state.st_size > MAX_HASHED:
        raise _too_large(path, state.st_size)
    if digest is None and is_inline and state.st_size > INLINE_HASH:
        raise TooLong
    return digest


def _new_hash(box, fd, path):
    try:
        return box.hashes.of(fd, time.monotonic() + HASHING_S)
    except TimeoutError:
        raise _too_large(path, os.fstat(fd).st_size) from None


def _too_large(path, size):
    return Failure(
        "FILE_TOO_LARGE",
        f"File too large to be read whole for its hash: {path} ({size} bytes)",
        hint="read a part of it with run_command, such as head -c, tail -c or dd",
        sizeBytes=size,
    )


def _slice(fd, offset, limit):
    if offset > 0x7FFF_FFFF_FFFF_0000:
        return b""
    parts = []
    while limit > 0 and (data := os.pread(fd, limit, offset)):
        parts.append(data)
        offset, limit = offset + len(data), limit - len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write(box, header, payload, is_inline):
    path, expected = field(header, "path", str), field(header, "ifSha256", str, None)
    import hashlib

    if expected is not None:
        # Before any folder is made: a refused write leaves nothing.
        demand_unchanged(box, path, expected, is_inline)
    with box.root.locate(path, make_folders=field(header, "createDirs", bool)) as place:
        if place.state is not None:
            _demand_regular(place, place.state)
        replace(place, payload)
        answer = {"bytesWritten": len(payload), "created": place.state is None, "sha256": hashlib.sha256(payload).hexdigest()}
        return answer, b""


def demand_unchanged(box, path, expected, is_inline):
    """Raises FILE_CHANGED unless the file is there and has this hash."""
    try:
        with box.root.locate(path) as place:
            fd, state = open_regular(place)
    except Failure as failure:
        if failure.code != "FILE_NOT_FOUND":
            raise
        raise Failure("FILE_CHANGED", f"File is not there any more: {path}") from failure
    try:
        digest = _known_hash(box, state, path, is_inline) or _new_hash(box, fd, path)
    finally:
        os.close(fd)
    if digest != expected.lower():
        raise Failure("FILE_CHANGED", f"File has changed: {path} (its SHA-256 is {digest})", sha256=digest)


def replace(place, data):
    """Puts `data` where the place is, all at once: a reader sees the old bytes or the new ones. The mode is kept."""
    mode = 0o644 if place.state is None else stat.S_IMODE(place.state.st_mode) & 0o777
    temporary = f".boxd-tmp-{os.urandom(8).hex()}".encode()
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place.parent)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        os.rename(temporary, place.name, src_dir_fd=place.parent, dst_dir_fd=place.parent)
    except BaseException:
        os.unlink(temporary, dir_fd=place.parent)
        raise


class Stream:
    """Sends what a generator of bytes yields, one chunk in each round of the loop, no faster than the worker takes it."""

    def __init__(self, box, request_id, header, chunks):
        self._server, self._id, self._chunks = box.server, request_id, chunks
        self._credit, self._sequence, self._timer = field(header, "credit", int, 1 << 20), 0, None
        self._server.hold(request_id, self)
        self._wake()

    def grant(self, size):
        self._credit += size
        self._wake()

    def cancel(self):
        if self._timer is not None:
            self._server.loop.cancel(self._timer)
        self._chunks.close()
        self._server.finish(self._id, {})

    def feed(self, _header, _payload):
        raise Failure("VALIDATION_ERROR", "this request takes no data")

    def _wake(self):
        if self._timer is None and self._credit > 0:
            self._timer = self._server.loop.at(0, self._step)

    def _step(self):
        self._timer = None
        self._server.guard(self._id, self._send_one)

    def _send_one(self):
        data = next(self._chunks, None)
        if data is None:
            self._server.finish(self._id, {})
            return
        self._credit -= len(data)
        self._server.send({"id": self._id, "seq": self._sequence}, data)
        self._sequence += 1
        self._wake()


def start_open(box, request_id, header):
    path, most = field(header, "path", str), field(header, "maxBytes", int)
    with box.root.locate(path) as place:
        fd, state = open_regular(place)
    if state.st_size > most:
        os.close(fd)
        raise Failure("FILE_TOO_LARGE", f"File too large: {path} ({state.st_size} bytes, at most {most})", sizeBytes=state.st_size)
    Stream(box, request_id, header, _chunks_of(fd, path, most))


def _chunks_of(fd, path, most):
    try:
        at = 0
        while data := os.pread(fd, CHUNK, at):
            at += len(data)
            if at > most:
                raise Failure("FILE_TOO_LARGE", f"File too large: {path} (it grew past {most} bytes)")
            yield data
    finally:
        os.close(fd)
