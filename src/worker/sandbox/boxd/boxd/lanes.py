"""
Lanes: sockets of the worker that lead to contexts and not to boxd, so that a short cell wakes nobody but who runs it.

A frame on a lane, of either end, is preceded by the key of the context it is meant for or comes from. What is left of an earlier
context's frames has another key and is passed over.
"""

import fcntl
import mmap
import os
import select
import sys
import termios
import time

from _boxd import frames
from _boxd.failure import Malformed

KEY_BYTES = 16
_NOTHING = bytes(4)


def waiting_bytes(fd):
    """How much lies in a pipe now."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, _NOTHING), sys.byteorder)


def may_hold_files(folder, dir_fd=None):
    """False only where the folder is surely empty, or not there."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is not None
    except OSError:
        return True
    finally:
        os.close(fd)


class Folder:
    """A folder that is asked again and again whether it may hold files, and looked into only when it has changed."""

    # Times of files are coarse: what changes right after a look may leave the same one.
    SETTLED_NS = 1_000_000_000

    def __init__(self, path):
        self._path, self._known_empty = path, None
        self._means = os.stat, time.time_ns, may_hold_files

    def may_hold_files(self):
        stat, now, look = self._means
        try:
            state = stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        seen = (state.st_dev, state.st_ino, state.st_ctime_ns)
        if seen == self._known_empty:
            return False
        if look(self._path):
            return True
        if now() - state.st_ctime_ns > self.SETTLED_NS:
            self._known_empty = seen
        return False


class Lane:
    """A lane as boxd has it: it lends the descriptor to one context after another, and never reads or writes it."""

    def __init__(self, index, fd):
        self.index, self.fd, self.key = index, fd, None


class Lanes:
    def __init__(self, fds):
        self._free = [Lane(index, fd) for index, fd in enumerate(fds)]

    def take(self):
        """One for a new context; None when there is none left."""
        if not self._free:
            return None
        lane = self._free.pop(0)
        lane.key = os.urandom(KEY_BYTES)
        return lane

    def give_back(self, lane):
        self._free.append(lane)


class Marks:
    """What boxd and a context know of each other without a word: memory that both have. Code in the context may lie with it."""

    def __init__(self):
        self._bytes = mmap.mmap(-1, 2)

    @property
    def is_taken(self):
        """Set by boxd: it has read output that it has not delivered. Set before each read, so that none is ever in between."""
        return self._bytes[0] != 0

    @is_taken.setter
    def is_taken(self, value):
        self._bytes[0] = value

    @property
    def is_running(self):
        """Set by the context: a cell that boxd was not told of runs, or has ended with more to tell than its answer."""
        return self._bytes[1] != 0

    @is_running.setter
    def is_running(self, value):
        self._bytes[1] = value


class ContextEnd:
    """The lane as the context has it."""

    def __init__(self, fd, key, marks, artifacts):
        self.fd, self._key, self._marks, self._artifacts = fd, key, marks, Folder(artifacts)
        self._data, self._id = bytearray(), None
        # Programs may put other files where their standard streams are.
        self._outputs = [fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, 500) for stream in (1, 2)]
        # Whatever code does to the modules of its process, these stay.
        self._means = os.read, frames.decode, frames.encode, frames.write_all, waiting_bytes

    def take(self):
        """Reads what is there: a request if one is complete, None if not. Raises EOFError when no more will come."""
        read, decode, *_ = self._means
        part = read(self.fd, 65536)
        if not part:
            raise EOFError
        data = self._data
        data += part
        start = data.find(self._key)
        if start < 0:
            del data[: 1 - KEY_BYTES]
            return None
        head = start + KEY_BYTES
        size = int.from_bytes(data[head : head + 4], "big")
        end = head + 4 + size
        if len(data) < head + 4 or len(data) < end:
            return None
        request = decode(bytes(data[head + 4 : end]))
        del data[:end]
        self._id = request[0].get("id")
        self._marks.is_running = True
        return request

    def answer(self, reply):
        """`whole` says that there is nothing else to be told of the cell, so that boxd never needs to hear of it."""
        _, _, encode, write_all, _ = self._means
        is_whole = reply["exit"] == 0 and self._is_silent()
        if is_whole:
            self._marks.is_running = False
        try:
            write_all(self.fd, self._key + encode({**reply, "id": self._id, "whole": is_whole}))
        except ConnectionError:
            return  # the worker has closed the lane, and will tell boxd what that means for the cell

    def _is_silent(self):
        *_, waiting = self._means
        # In this order: what is no longer in the pipes was marked as taken before it left them.
        if any(waiting(fd) for fd in self._outputs) or self._marks.is_taken:
            return False
        return not self._artifacts.may_hold_files()


class Inbox:
    """The requests of a context: those of boxd, by a pipe, and those of the worker, by the lane if it has one."""

    def __init__(self, requests, lane):
        self._requests, self._next, self._lane = requests, frames.Reader(requests).next, lane
        self._poll = select.poll()
        for fd in (requests, lane.fd) if lane is not None else ():
            self._poll.register(fd, select.POLLIN)

    def next(self):
        """Waits for one: (request, the lane it came by or None). The request is None when boxd has no more."""
        while self._lane is not None:
            if any(fd == self._requests for fd, _ in self._poll.poll()):
                break
            try:
                request = self._lane.take()
            except (EOFError, ConnectionError, Malformed):
                self._lane = None
                break
            if request is not None:
                return request, self._lane
        return self._next(), None
