"""Names of files in the workspace, resolved step by step from an open root, so that no link leads out of it unseen."""

import errno
import os
import stat

from _boxd.failure import Failure

MAX_PATH_BYTES = 4096
MAX_LINKS = 40
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
BOX_WORKSPACE = "/workspace"


class Place:
    """
    Where a path leads: `name` in the open folder `parent`, with its lstat, or None when nothing is there. `name` is never a
    link. `path` is what the caller said, `shown` the same without detours. Closes its descriptors at the end of `with`.
    """

    def __init__(self, root, path, shown):
        self.path, self.shown, self.name, self.state = path, shown, b".", None
        self._fds = [root]

    @property
    def parent(self):
        return self._fds[-1]

    def enter(self, name):
        self._fds.append(os.open(name, _FOLDER, dir_fd=self.parent))

    def leave(self):
        if len(self._fds) == 1:
            raise Failure("PATH_INVALID", f"path leaves the workspace: {self.path}")
        os.close(self._fds.pop())

    def restart(self):
        while len(self._fds) > 1:
            os.close(self._fds.pop())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.restart()

    def missing(self):
        return Failure("FILE_NOT_FOUND", f"File not found: {self.path}")


class Root:
    """An open folder that paths are relative to."""

    def __init__(self, folder, missing_ok=False):
        self.folder = folder
        try:
            self.fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            if not missing_ok:
                raise Failure("INTERNAL_ERROR", "the workspace is not there") from None
            self.fd = None
        self._prefixes = {os.fsencode(folder.rstrip("/")), os.fsencode(BOX_WORKSPACE)}

    def parts(self, path):
        """The parts of a path, `.` and `..` resolved by name alone. Raises PATH_INVALID."""
        if "\0" in path:
            raise Failure("PATH_INVALID", "path must not contain a NUL byte")
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            raise Failure("PATH_INVALID", "path is not valid text") from None
        if len(raw) > MAX_PATH_BYTES:
            raise Failure("PATH_INVALID", f"path is longer than {MAX_PATH_BYTES} bytes")
        if raw.startswith(b"/"):
            raw = self._inside(raw)
            if raw is None:
                raise Failure("PATH_INVALID", f"path must be relative to workspace root, got absolute path: {path}")
        parts = []
        for part in raw.split(b"/"):
            if part == b"..":
                if not parts:
                    raise Failure("PATH_INVALID", f"path traversal not allowed: {path}")
                parts.pop()
            elif part not in (b"", b"."):
                parts.append(part)
        return parts

    def _inside(self, raw):
        """What follows the root in an absolute path; None when the path is not below it."""
        raw = b"/" + raw.lstrip(b"/")
        for prefix in self._prefixes:
            if raw == prefix or raw.startswith(prefix + b"/"):
                return raw[len(prefix) :]
        return None

    def locate(self, path, make_folders=False):
        """Follows a path, links included, to a Place. Raises PATH_INVALID, FILE_NOT_FOUND for a missing folder on the way."""
        parts = self.parts(path)
        place = Place(self.fd, path, os.fsdecode(b"/".join(parts)))
        try:
            self._follow(place, parts, make_folders)
        except OSError as error:
            place.restart()
            raise _explained(error, path) from error
        except BaseException:
            place.restart()
            raise
        return place

    def _follow(self, place, parts, make_folders):
        pending, links = parts[::-1], 0
        place.state = os.fstat(self.fd)
        while pending:
            part = pending.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                place.leave()
                place.name, place.state = b".", os.stat(b".", dir_fd=place.parent)
                continue
            try:
                state = os.stat(part, dir_fd=place.parent, follow_symlinks=False)
            except FileNotFoundError:
                if not any(rest not in (b"", b".") for rest in pending):
                    place.name, place.state = part, None
                    return
                if not make_folders:
                    raise
                os.mkdir(part, 0o755, dir_fd=place.parent)
                state = os.stat(part, dir_fd=place.parent, follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode):
                links += 1
                if links > MAX_LINKS:
                    raise Failure("PATH_INVALID", f"too many symbolic links: {place.path}")
                try:
                    target = os.readlink(part, dir_fd=place.parent)
                except OSError as error:
                    if error.errno != errno.EINVAL:
                        raise
                    # It was a link a moment ago: looked at again, as often as links are followed.
                    pending.append(part)
                    continue
                if target.startswith(b"/"):
                    target = self._inside(target)
                    if target is None:
                        raise Failure("PATH_INVALID", f"path leaves the workspace: {place.path}")
                    place.restart()
                    place.name, place.state = b".", os.fstat(self.fd)
                pending.extend(target.split(b"/")[::-1])
            elif any(rest not in (b"", b".") for rest in pending):
                if not stat.S_ISDIR(state.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, "")
                place.enter(part)
                place.name, place.state = b".", state
            else:
                place.name, place.state = part, state
                return

    def open_directory(self, path):
        """A descriptor of a folder, for reading its entries or running in it."""
        with self.locate(path) as place:
            if place.state is None:
                raise Failure("FILE_NOT_FOUND", f"Directory not found: {path}")
            if not stat.S_ISDIR(place.state.st_mode):
                raise Failure("WRONG_FILE_TYPE", f"Not a directory: {path}")
            try:
                return os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.parent)
            except OSError as error:
                raise _explained(error, path) from error


def _explained(error, path):
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return Failure("FILE_NOT_FOUND", f"File not found: {path}")
    if error.errno == errno.ENAMETOOLONG:
        return Failure("PATH_INVALID", f"a part of the path is too long: {path}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure("PATH_INVALID", f"permission denied: {path}", hint="change the mode with run_command: chmod u+rwx")
    return error
