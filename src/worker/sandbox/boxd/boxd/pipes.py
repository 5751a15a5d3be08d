"""Pipes as boxd uses them."""

import os
from collections import deque

from _boxd.loop import WRITE


def read_end():
    """A pipe of which boxd reads: (non-blocking reader, writer)."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    return reader, writer


def write_end():
    """A pipe into which boxd writes: (reader, non-blocking writer)."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    return reader, writer


class PipeWriter:
    """Writes without blocking. `written(n)` tells how much has gone; a reader that is gone makes it drop the rest."""

    def __init__(self, loop, fd, written=None):
        self._loop, self._fd, self._written = loop, fd, written
        self._queue, self._is_watched, self._ends = deque(), False, False

    def write(self, data):
        """False when it is dropped, because the pipe is closed."""
        if self._fd is None or not data:
            return False
        self._queue.append(memoryview(data))
        if not self._is_watched:
            self._flush()
        return True

    def end(self):
        """Closes the pipe when all is written."""
        self._ends = True
        if not self._queue:
            self.close()

    def close(self):
        if self._fd is None:
            return
        if self._is_watched:
            self._loop.forget(self._fd)
        os.close(self._fd)
        self._fd = None
        self._queue.clear()

    def _flush(self, _event=0):
        while self._queue:
            data = self._queue[0]
            try:
                count = os.write(self._fd, data)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            if count == len(data):
                self._queue.popleft()
            else:
                self._queue[0] = data[count:]
            if self._written is not None:
                self._written(count)
        if self._queue and not self._is_watched:
            self._loop.watch(self._fd, WRITE, self._flush)
            self._is_watched = True
        elif not self._queue and self._is_watched:
            self._loop.forget(self._fd)
            self._is_watched = False
        if self._ends and not self._queue:
            self.close()
