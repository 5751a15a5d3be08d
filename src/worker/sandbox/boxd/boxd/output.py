"""The two output streams of a run: counted, limited, sent as fast as the worker takes them and no faster."""

import os

from _boxd import frames
from _boxd.lanes import waiting_bytes
from _boxd.loop import READ

CHUNK = 65536


class Output:
    """`exceeded()` is called once, when both streams together pass `limit` bytes; what is beyond it is dropped."""

    def __init__(self, server, request_id, credit, limit, exceeded):
        self._server, self._id, self._credit, self._limit, self._exceeded = server, request_id, credit, limit, exceeded
        self._names, self._left, self._paused, self._then = {}, None, False, None
        self._sequence = self._total = 0
        self.has_exceeded = False

    def attach(self, name, fd):
        self._names[fd] = name
        self._watch(fd)

    def _watch(self, fd):
        self._server.loop.watch(fd, READ, lambda _event: self._ready(fd))

    def put(self, name, data):
        """Output that has been read."""
        if self.has_exceeded:
            return
        self._total += len(data)
        if self._total > self._limit:
            data = data[: max(0, len(data) - (self._total - self._limit))]
        if data:
            self._credit -= len(data)
            self._server.send_bytes(frames.encode({"id": self._id, "seq": self._sequence, "stream": name}, data))
            self._sequence += 1
        if self._total > self._limit:
            self.has_exceeded = True
            # Read on, and dropped: a program that is asked to stop must not hang in what it still has to say.
            self._resume()
            self._exceeded()

    def grant(self, size):
        """The worker has taken so many bytes."""
        self._credit += size
        if self._credit > 0:
            self._resume()
        if self._then is not None:
            self._pump()

    def seal(self, then):
        """The program is gone: delivers what lies in the pipes now, waits for nobody who still holds them, calls `then`."""
        self._then = then
        self._left = {fd: waiting_bytes(fd) for fd in self._names}
        self._pump()

    def detach(self):
        """Gives up the descriptors that are still open. Who takes them watches them at once: they may still call this output."""
        fds = list(self._names)
        self._names.clear()
        return fds

    def _pump(self):
        for fd in list(self._left):
            while self._left.get(fd, 0) > 0 and (self._credit > 0 or self.has_exceeded):
                self._ready(fd)
        if not any(self._left.values()):
            then, self._then = self._then, None
            then()

    def _resume(self):
        if self._paused:
            self._paused = False
            for fd in self._names:
                self._watch(fd)

    def _pause(self):
        # Not watched at all: a hangup would be reported again and again however few events were asked for.
        self._paused = True
        for fd in self._names:
            self._server.loop.forget(fd)

    def _ready(self, fd):
        if self._credit <= 0 and not self.has_exceeded:
            self._pause()
            return
        size = CHUNK if self.has_exceeded else min(CHUNK, self._credit)
        if self._left is not None:
            size = min(size, self._left.get(fd, 0))
            if size == 0:
                # From here on it is the output of others, which the run no longer waits for.
                self._server.loop.forget(fd)
                return
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            data = None
        if self._left is not None:
            self._left[fd] -= len(data) if data else self._left[fd]
        if data:
            self.put(self._names[fd], data)
        elif data is not None:
            self._server.loop.forget(fd)
            del self._names[fd]
            os.close(fd)


class Drains:
    """Reads and drops what programs in the background go on writing, so that they do not die of a closed pipe."""

    MOST = 128

    def __init__(self, loop):
        self._loop, self._fds = loop, {}

    def take(self, fd):
        if len(self._fds) >= self.MOST:
            self._end(next(iter(self._fds)))
        self._fds[fd] = True
        self._loop.watch(fd, READ, lambda _event: self._ready(fd))

    def _ready(self, fd):
        try:
            if not os.read(fd, CHUNK):
                self._end(fd)
        except BlockingIOError:
            return

    def _end(self, fd):
        self._loop.forget(fd)
        del self._fds[fd]
        os.close(fd)
